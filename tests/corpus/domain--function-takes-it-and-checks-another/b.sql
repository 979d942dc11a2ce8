CREATE DOMAIN low AS bigint CHECK (VALUE < 100);
CREATE FUNCTION is_low(v low) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT v < 10';
CREATE DOMAIN lower AS low CHECK (is_low(VALUE));
CREATE TABLE thing (id low CHECK (is_low(id)), other lower);

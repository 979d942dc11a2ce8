CREATE DOMAIN low AS integer;
CREATE FUNCTION is_low(v low) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT v < 10';
CREATE TABLE thing (id low CHECK (is_low(id)));

CREATE FUNCTION is_ok(v integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT v > 0';
CREATE DOMAIN size AS integer CONSTRAINT ok CHECK (is_ok(VALUE));
CREATE TABLE box (id integer PRIMARY KEY, size size DEFAULT 4);

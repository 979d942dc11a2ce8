CREATE FUNCTION is_ok(v integer, high integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT v BETWEEN 1 AND high';
CREATE DOMAIN size AS integer CONSTRAINT ok CHECK (is_ok(VALUE, 9));
CREATE TABLE box (id integer PRIMARY KEY, size size DEFAULT 4);

CREATE FUNCTION f(integer, text DEFAULT 'x') RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE TABLE t (a integer NOT NULL, b integer DEFAULT f(2), CONSTRAINT k CHECK (f(a) > 0));

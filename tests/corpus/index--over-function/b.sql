CREATE FUNCTION f(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE t (id integer, a text, b integer, j jsonb);
CREATE INDEX i ON t (f(a));

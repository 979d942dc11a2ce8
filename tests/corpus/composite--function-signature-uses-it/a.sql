CREATE TYPE pair AS (a integer, b integer);
CREATE FUNCTION add(p pair) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT p.a + p.b';
CREATE TABLE thing (pair pair, total integer GENERATED ALWAYS AS (add(pair)) STORED);

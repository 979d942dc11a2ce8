CREATE TYPE e AS ENUM ('x', 'y');
CREATE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1 + (random() * 0)::integer; END';
CREATE TABLE t (
    id bigint PRIMARY KEY,
    v text,
    n integer,
    at timestamp NOT NULL DEFAULT clock_timestamp(),
    twice bigint GENERATED ALWAYS AS (id * 2) STORED,
    said e NOT NULL DEFAULT 'x'
);
CREATE TABLE u (id bigint PRIMARY KEY, n integer NOT NULL DEFAULT f());
CREATE VIEW w AS SELECT at, twice FROM t;

CREATE SCHEMA "s x";
CREATE TYPE "s x".state AS (n int, s int);
CREATE FUNCTION "s x"."add one"("s x".state, int) RETURNS "s x".state LANGUAGE sql IMMUTABLE AS 'SELECT ($1.n + 1, $1.s + $2)::"s x".state';
CREATE FUNCTION "s x".fin("s x".state) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.s / $1.n';
CREATE AGGREGATE "s x"."a ""b"(v int) (SFUNC = "s x"."add one", STYPE = "s x".state, FINALFUNC = "s x".fin, INITCOND = '(0,0)');
CREATE VIEW v AS SELECT "s x"."a ""b"(x) AS t FROM generate_series(1, 3) AS x;

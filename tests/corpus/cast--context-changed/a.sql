CREATE TYPE cx AS (a int, b int);
CREATE FUNCTION cx_int(cx) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.a';
CREATE TABLE t (c cx);
CREATE CAST (cx AS int) WITH FUNCTION cx_int(cx);
COMMENT ON CAST (cx AS int) IS 'comes back';
CREATE VIEW v AS SELECT c::int AS n FROM t;

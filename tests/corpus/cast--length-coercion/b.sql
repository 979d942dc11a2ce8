CREATE SCHEMA "s x";
CREATE TYPE "s x"."c x" AS (a int);
CREATE FUNCTION "s x".f("s x"."c x", int, bool) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.a::text';
CREATE CAST ("s x"."c x" AS text) WITH FUNCTION "s x".f("s x"."c x", int, bool);
COMMENT ON CAST ("s x"."c x" AS text) IS 'odd';

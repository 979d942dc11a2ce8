CREATE SCHEMA "a.b";
CREATE TYPE "a.b"."t, y" AS ENUM ('x');
CREATE TABLE "we""ird" (id int);
CREATE FUNCTION "a.b"."we""ird (x)"("or" int, "a ""b" "a.b"."t, y", c "we""ird"[]) RETURNS "a.b"."t, y" LANGUAGE sql AS 'SELECT $2';
COMMENT ON FUNCTION "a.b"."we""ird (x)"(int, "a.b"."t, y", "we""ird"[]) IS 'it''s odd \ here';
GRANT EXECUTE ON FUNCTION "a.b"."we""ird (x)"(int, "a.b"."t, y", "we""ird"[]) TO corpus_alice;
ALTER FUNCTION "a.b"."we""ird (x)"(int, "a.b"."t, y", "we""ird"[]) OWNER TO corpus_bob;

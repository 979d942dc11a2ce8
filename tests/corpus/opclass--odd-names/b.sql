CREATE SCHEMA "a.b";
CREATE OPERATOR FAMILY "a.b"."fam ""x" USING hash;
CREATE OPERATOR CLASS "a.b"."cls ""x" FOR TYPE int USING hash FAMILY "a.b"."fam ""x" AS OPERATOR 1 = , FUNCTION 1 hashint4(int);
COMMENT ON OPERATOR FAMILY "a.b"."fam ""x" USING hash IS 'odd';
COMMENT ON OPERATOR CLASS "a.b"."cls ""x" USING hash IS 'odd';

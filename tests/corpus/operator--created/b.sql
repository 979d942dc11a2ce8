CREATE TYPE cx AS (a int, b int);
CREATE FUNCTION cx_eq(cx, cx) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.a = $2.a';
CREATE OPERATOR === (LEFTARG = cx, RIGHTARG = cx, FUNCTION = cx_eq, COMMUTATOR = ===, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
COMMENT ON OPERATOR === (cx, cx) IS 'equal';
ALTER OPERATOR === (cx, cx) OWNER TO corpus_alice;

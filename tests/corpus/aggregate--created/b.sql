CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
COMMENT ON AGGREGATE total(int) IS 'adds';
GRANT EXECUTE ON FUNCTION total(int) TO corpus_alice;
REVOKE EXECUTE ON FUNCTION total(int) FROM PUBLIC;
ALTER AGGREGATE total(int) OWNER TO corpus_bob;

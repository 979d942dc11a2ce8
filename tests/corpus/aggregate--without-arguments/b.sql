CREATE AGGREGATE how_many(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0');
COMMENT ON AGGREGATE how_many(*) IS 'counts';
REVOKE EXECUTE ON FUNCTION how_many() FROM PUBLIC;
ALTER AGGREGATE how_many(*) OWNER TO corpus_bob;

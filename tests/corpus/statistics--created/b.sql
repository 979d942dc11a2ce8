CREATE TABLE t (a integer, b text, c integer);
CREATE STATISTICS st (ndistinct, dependencies) ON a, c FROM t;
CREATE STATISTICS "we ""ird" ON lower(b), (a + c) FROM t;
COMMENT ON STATISTICS st IS 'together';
ALTER STATISTICS st OWNER TO corpus_alice;
ALTER STATISTICS st SET STATISTICS 500;

CREATE TABLE t (a integer, b text, c integer);
CREATE STATISTICS st (mcv) ON a, c FROM t;
COMMENT ON STATISTICS st IS 'c';

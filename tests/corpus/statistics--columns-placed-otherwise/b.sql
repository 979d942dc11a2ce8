CREATE TABLE t (a integer, b integer, c integer);
CREATE STATISTICS s (mcv) ON c, b, a, (a + 1), (lower(a::text)) FROM t;

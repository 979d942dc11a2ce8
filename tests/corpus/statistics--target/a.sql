CREATE TABLE t (a integer, b text, c integer);
CREATE STATISTICS st ON a, c FROM t;

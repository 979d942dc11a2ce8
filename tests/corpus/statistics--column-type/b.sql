CREATE TABLE t (a integer, b text, c bigint);
CREATE STATISTICS st ON a, c FROM t;

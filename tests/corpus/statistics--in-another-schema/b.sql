CREATE TABLE t (a integer, b text, c integer);
CREATE SCHEMA s;
CREATE STATISTICS s.st ON a, c FROM t;

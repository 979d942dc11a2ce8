CREATE TABLE t (r int4range, n integer);

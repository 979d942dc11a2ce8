CREATE TABLE t1 (a bigint);
CREATE TABLE t2 (a bigint);
CREATE TABLE t3 () INHERITS (t1, t2);

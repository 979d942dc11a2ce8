-- from PostgreSQL 18 on
CREATE TABLE t1 ();
CREATE TABLE t2 (c numeric);

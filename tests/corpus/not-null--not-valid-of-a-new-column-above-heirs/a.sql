-- from PostgreSQL 18 on
CREATE TABLE t (a integer);

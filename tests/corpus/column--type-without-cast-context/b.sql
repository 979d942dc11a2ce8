CREATE TABLE t (id integer, v integer);

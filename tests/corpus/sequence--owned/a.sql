CREATE TABLE t (id integer, n integer);
CREATE SEQUENCE "s s";

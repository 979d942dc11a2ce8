CREATE TABLE t (id serial, n integer);
CREATE TABLE u (id integer);

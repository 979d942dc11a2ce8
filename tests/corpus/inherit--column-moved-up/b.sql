CREATE TABLE a (id integer, n integer);
CREATE TABLE c (n integer) INHERITS (a);

CREATE TABLE a (id integer);
CREATE TABLE c (n integer) INHERITS (a);

CREATE TABLE a (id integer, x integer);
CREATE TABLE c (id integer, x integer) INHERITS (a);

CREATE TABLE a (id integer, x integer);
CREATE TABLE b (id integer);
CREATE TABLE c (id integer, x integer) INHERITS (a, b);

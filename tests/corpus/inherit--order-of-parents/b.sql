CREATE TABLE a (id integer, x integer);
CREATE TABLE b (id integer, y text);
CREATE TABLE c (z integer) INHERITS (b, a);

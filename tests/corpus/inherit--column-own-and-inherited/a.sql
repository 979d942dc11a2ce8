CREATE TABLE a (id integer);
CREATE TABLE c (z integer) INHERITS (a);

CREATE TABLE a (x integer, CHECK (x > 0));
CREATE TABLE b (z integer);
CREATE TABLE c (w integer) INHERITS (a, b);

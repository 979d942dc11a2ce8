CREATE TABLE a (x bigint, CHECK (x > 1));
CREATE TABLE b (z integer);
CREATE TABLE c (w integer) INHERITS (b, a);

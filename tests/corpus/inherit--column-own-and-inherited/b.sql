CREATE TABLE a (id integer, n integer DEFAULT 1);
CREATE TABLE c (z integer, n integer DEFAULT 2) INHERITS (a);

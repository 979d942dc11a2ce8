CREATE TABLE b (id integer);
CREATE TABLE c (id integer, x integer) INHERITS (b);

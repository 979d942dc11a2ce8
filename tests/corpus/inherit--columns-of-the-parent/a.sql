CREATE TABLE a (id integer, x integer, gone text);
CREATE TABLE c (z integer) INHERITS (a);
CREATE TABLE d () INHERITS (c);

CREATE TABLE a (id integer, x integer);
CREATE TABLE c (z integer) INHERITS (a);
CREATE VIEW v AS SELECT x FROM a;
CREATE VIEW w AS SELECT x, z FROM c;

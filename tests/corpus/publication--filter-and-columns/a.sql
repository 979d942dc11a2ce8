-- from PostgreSQL 15 on
CREATE TABLE t (id int PRIMARY KEY, a int, b text);
CREATE TABLE u (id int PRIMARY KEY, a int);
CREATE PUBLICATION p FOR TABLE t (id, a) WHERE (a > 1), u;

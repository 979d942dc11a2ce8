-- from PostgreSQL 15 on
CREATE TABLE t (id int PRIMARY KEY, a int, b text);
CREATE TABLE u (id int PRIMARY KEY, a int);
CREATE PUBLICATION p FOR TABLE t (id, b) WHERE (b IS NOT NULL AND a IN (1, 2)), u (id);

-- from PostgreSQL 15 on
CREATE TABLE t (id int PRIMARY KEY, a int);
CREATE PUBLICATION p FOR TABLE t (id, a);
CREATE PUBLICATION q FOR TABLE t WHERE (a > 1) WITH (publish = 'insert');

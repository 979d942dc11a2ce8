-- from PostgreSQL 15 on
CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(10));
CREATE PUBLICATION p FOR TABLE t (id, b) WHERE (id > 1);
CREATE PUBLICATION q FOR TABLE t WHERE (b = 'x') WITH (publish = 'insert');

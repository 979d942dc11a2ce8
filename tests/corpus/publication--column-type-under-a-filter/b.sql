-- from PostgreSQL 15 on
CREATE TABLE t (id bigint PRIMARY KEY, a int, b text);
CREATE PUBLICATION p FOR TABLE t (id, b) WHERE (id > 1);
CREATE PUBLICATION q FOR TABLE t WHERE (b = 'x') WITH (publish = 'insert');

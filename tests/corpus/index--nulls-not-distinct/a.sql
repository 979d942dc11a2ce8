-- from PostgreSQL 15 on
CREATE TABLE t (id integer, a text, b integer, j jsonb);
CREATE UNIQUE INDEX i ON t (id);

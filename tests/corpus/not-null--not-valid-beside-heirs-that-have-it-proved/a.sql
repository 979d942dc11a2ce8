-- from PostgreSQL 18 on
CREATE TABLE t (a integer, b text);
ALTER TABLE t ADD CONSTRAINT t_b NOT NULL b NOT VALID;
CREATE TABLE u (a integer, b text, c integer);
CREATE TABLE proved () INHERITS (t);

-- from PostgreSQL 18 on
CREATE TABLE t (a integer, b text);
CREATE TABLE u (a integer, b text, c integer) INHERITS (t);
ALTER TABLE t ADD CONSTRAINT t_b NOT NULL b NOT VALID;
CREATE TABLE proved () INHERITS (t);
CREATE TABLE "More" () INHERITS (t);

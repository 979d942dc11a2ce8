-- from PostgreSQL 18 on
CREATE TABLE t (a integer, c integer GENERATED ALWAYS AS (a * 2) VIRTUAL);
CREATE VIEW v AS SELECT c FROM t;

CREATE TABLE t (id integer, n integer);
CREATE MATERIALIZED VIEW mv AS SELECT id, n::text AS n FROM t;

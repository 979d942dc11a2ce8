CREATE TABLE t (id integer, n integer);
CREATE MATERIALIZED VIEW mv AS SELECT id, n + 1 AS n FROM t WHERE id > 0;
CREATE INDEX mv_n ON mv (n);
CREATE VIEW v AS SELECT id FROM mv;
COMMENT ON VIEW v IS 'v';
GRANT SELECT ON mv TO corpus_alice;

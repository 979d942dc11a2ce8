CREATE TABLE t (id integer, n integer);
CREATE MATERIALIZED VIEW mv AS SELECT id, sum(n) AS total FROM t GROUP BY id;
CREATE UNIQUE INDEX mv_id ON mv (id);
COMMENT ON MATERIALIZED VIEW mv IS 'totals';
COMMENT ON COLUMN mv.total IS 'the sum';
GRANT SELECT ON mv TO corpus_alice;
ALTER MATERIALIZED VIEW mv OWNER TO corpus_bob;

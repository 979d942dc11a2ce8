CREATE TABLE t (id integer, a text, b integer, j jsonb);
CREATE INDEX i1 ON t USING hash (a);
CREATE INDEX i2 ON t USING gin (j jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX i3 ON t (a text_pattern_ops DESC NULLS LAST, b);
CREATE INDEX i4 ON t (lower(a) COLLATE "C") WHERE b > 0 AND a <> 'WITH (x)';
CREATE UNIQUE INDEX i5 ON t (id) INCLUDE (b);
CREATE INDEX "we ""ird" ON t USING brin (b) WITH (pages_per_range = 8);
COMMENT ON INDEX i5 IS 'one';

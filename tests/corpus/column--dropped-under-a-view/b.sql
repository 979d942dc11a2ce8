CREATE TABLE t (id integer, b text);
CREATE VIEW v AS SELECT id FROM t;
COMMENT ON VIEW v IS 'v';

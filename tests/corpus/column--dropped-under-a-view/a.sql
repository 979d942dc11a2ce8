CREATE TABLE t (id integer, a text, b text);
CREATE VIEW v AS SELECT id, a FROM t;
COMMENT ON VIEW v IS 'v';
CREATE INDEX t_a ON t (a);

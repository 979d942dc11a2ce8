CREATE TABLE t (id integer, a text, b integer, j jsonb);
CREATE INDEX i ON t (a);
COMMENT ON INDEX i IS 'kept';

CREATE TABLE t (id integer);
CREATE TABLE u (id integer);
CREATE INDEX x ON t (id);
COMMENT ON INDEX x IS 'x';

CREATE TABLE t (id integer, d text, j jsonb);
ALTER TABLE t SET (autovacuum_enabled = false, fillfactor = 70);
COMMENT ON TABLE t IS 'a change';

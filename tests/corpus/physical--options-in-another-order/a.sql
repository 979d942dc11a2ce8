CREATE TABLE t (id integer, d text, j jsonb);
ALTER TABLE t SET (fillfactor = 70, autovacuum_enabled = false);

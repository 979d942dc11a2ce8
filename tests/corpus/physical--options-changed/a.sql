CREATE TABLE t (id integer, d text, j jsonb);
ALTER TABLE t SET (fillfactor = 70, toast.autovacuum_vacuum_threshold = 10);

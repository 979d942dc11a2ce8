CREATE TABLE t (id integer, d text, j jsonb);
ALTER TABLE t SET (toast.autovacuum_vacuum_threshold = 20, parallel_workers = 2, fillfactor = 80);

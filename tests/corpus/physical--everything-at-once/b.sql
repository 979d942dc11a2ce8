CREATE UNLOGGED TABLE t (id integer PRIMARY KEY WITH (fillfactor = 80), d text COMPRESSION pglz, "we ""ird" jsonb) WITH (fillfactor = 70, toast.autovacuum_enabled = false) TABLESPACE corpus_space;
ALTER TABLE t ALTER COLUMN "we ""ird" SET STORAGE EXTERNAL, ALTER COLUMN "we ""ird" SET STATISTICS 10, ALTER COLUMN d SET (n_distinct = 3);
ALTER TABLE t CLUSTER ON t_pkey;
ALTER TABLE t REPLICA IDENTITY FULL;

CREATE TABLE t (id integer, d text, j jsonb);
ALTER TABLE t ALTER COLUMN d SET STORAGE PLAIN;

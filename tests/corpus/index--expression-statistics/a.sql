CREATE TABLE t (id integer, a text, b integer, j jsonb);
CREATE INDEX i ON t (lower(a), b, upper(a));
ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 5;

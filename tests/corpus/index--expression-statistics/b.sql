CREATE TABLE t (id integer, a text, b integer, j jsonb);
CREATE INDEX i ON t (lower(a), b, upper(a));
ALTER INDEX i ALTER COLUMN 3 SET STATISTICS 7;

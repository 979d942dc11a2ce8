CREATE TABLE t (a integer, b integer);
CREATE VIEW v AS SELECT a, b FROM t WHERE a > 0;
GRANT SELECT ON v TO corpus_alice;

CREATE TABLE t (a integer, b integer);
CREATE VIEW v AS SELECT a FROM t;
GRANT SELECT ON v TO corpus_alice;

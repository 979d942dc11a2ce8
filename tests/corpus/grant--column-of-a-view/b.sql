CREATE TABLE t (id int, a text);
CREATE VIEW v AS SELECT a, id FROM t;
GRANT SELECT (id) ON v TO corpus_alice;
CREATE MATERIALIZED VIEW m AS SELECT id, a FROM t;
GRANT SELECT (a) ON m TO corpus_bob;

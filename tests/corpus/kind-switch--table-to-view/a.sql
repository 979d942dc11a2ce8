CREATE TABLE o (id integer);
CREATE TABLE x (id integer);
CREATE VIEW w AS SELECT id FROM x;
GRANT SELECT ON x TO corpus_alice;

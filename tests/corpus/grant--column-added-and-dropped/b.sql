CREATE TABLE t (id int, fresh text);
GRANT SELECT (fresh), SELECT (id) ON t TO corpus_alice;

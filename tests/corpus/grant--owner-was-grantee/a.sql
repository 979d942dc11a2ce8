CREATE TABLE t (id int, a int);
GRANT SELECT ON t TO corpus_alice;
GRANT SELECT (a) ON t TO corpus_alice, corpus_bob;
GRANT INSERT ON t TO corpus_bob;

CREATE TABLE t (id int);
GRANT SELECT ON t TO corpus_alice WITH GRANT OPTION;
GRANT INSERT ON t TO corpus_alice;
GRANT SELECT ON t TO corpus_bob;

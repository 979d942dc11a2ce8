CREATE TABLE t (id int, a text);
GRANT INSERT ON t TO corpus_alice;
GRANT SELECT (id) ON t TO corpus_alice WITH GRANT OPTION;
GRANT UPDATE (a) ON t TO corpus_alice;
GRANT UPDATE ON t TO corpus_bob;
GRANT UPDATE (a) ON t TO corpus_bob WITH GRANT OPTION;

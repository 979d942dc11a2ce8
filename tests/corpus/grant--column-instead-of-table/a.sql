CREATE TABLE t (id int, a text);
GRANT SELECT, INSERT ON t TO corpus_alice;
GRANT SELECT ON t TO corpus_bob WITH GRANT OPTION;

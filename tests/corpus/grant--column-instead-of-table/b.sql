CREATE TABLE t (id int, a text);
GRANT SELECT (id), INSERT (id) ON t TO corpus_alice;
GRANT SELECT (a) ON t TO corpus_bob WITH GRANT OPTION;

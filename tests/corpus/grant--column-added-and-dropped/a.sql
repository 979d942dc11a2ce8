CREATE TABLE t (id int, gone text);
GRANT SELECT (gone), SELECT (id) ON t TO corpus_alice;

CREATE TABLE t (id int, a text, "we ""ird" text);
GRANT SELECT (id, a), UPDATE (a) ON t TO corpus_alice;

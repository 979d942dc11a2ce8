CREATE TABLE t (id int, a text, "we ""ird" text);
GRANT SELECT (id) ON t TO corpus_alice WITH GRANT OPTION;
GRANT INSERT ("we ""ird"), REFERENCES (a) ON t TO corpus_alice, corpus_bob;
GRANT SELECT (a) ON t TO PUBLIC;

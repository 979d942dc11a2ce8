CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, later int NOT NULL, renamed int GENERATED ALWAYS AS IDENTITY);
GRANT SELECT ON SEQUENCE t_renamed_seq TO corpus_alice, corpus_bob;

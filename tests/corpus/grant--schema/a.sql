CREATE SCHEMA s;
GRANT USAGE ON SCHEMA s TO corpus_alice, corpus_bob;
CREATE SCHEMA "we ""ird";

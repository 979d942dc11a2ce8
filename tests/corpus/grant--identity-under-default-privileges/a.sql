ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO corpus_bob;
ALTER DEFAULT PRIVILEGES FOR ROLE corpus_alice GRANT SELECT ON SEQUENCES TO corpus_carol;
CREATE TABLE executors (a integer);
CREATE TABLE "Alices" (a integer, v text);
ALTER TABLE "Alices" OWNER TO corpus_alice;
CREATE TABLE to_alice (v text);
CREATE TABLE heirs_too (a integer);
CREATE TABLE heir () INHERITS (heirs_too);

CREATE SCHEMA s;
CREATE TABLE s.t (id int, a text);
GRANT SELECT (a) ON s.t TO corpus_alice;
ALTER TABLE s.t OWNER TO corpus_bob;
GRANT INSERT (id) ON s.t TO corpus_bob;

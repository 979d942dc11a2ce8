CREATE TABLE t (id int, a int);
ALTER TABLE t OWNER TO corpus_alice;
GRANT SELECT ON t TO corpus_bob;

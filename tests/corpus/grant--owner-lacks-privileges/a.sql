CREATE TABLE t (id int);
ALTER TABLE t OWNER TO corpus_alice;
REVOKE INSERT, UPDATE ON t FROM corpus_alice;
CREATE TABLE u (id int);
ALTER TABLE u OWNER TO corpus_alice;

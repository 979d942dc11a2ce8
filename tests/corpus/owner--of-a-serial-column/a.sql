CREATE TABLE t (id serial);
ALTER TABLE t OWNER TO corpus_alice;
CREATE SEQUENCE free;
CREATE TABLE a_late (id int);

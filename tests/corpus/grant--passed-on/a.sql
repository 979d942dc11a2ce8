CREATE TABLE t (id int, a int);
GRANT SELECT, INSERT ON t TO corpus_alice WITH GRANT OPTION;
SET ROLE corpus_alice;
GRANT SELECT, INSERT ON t TO corpus_bob WITH GRANT OPTION;
SET ROLE corpus_bob;
GRANT SELECT ON t TO corpus_carol;
RESET ROLE;
GRANT SELECT ON t TO corpus_carol;

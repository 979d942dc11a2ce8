CREATE TABLE t (id int, a int);
GRANT SELECT, INSERT ON t TO corpus_alice WITH GRANT OPTION;
SET ROLE corpus_alice;
GRANT SELECT ON t TO corpus_bob;
GRANT INSERT (a) ON t TO corpus_bob;
RESET ROLE;
GRANT SELECT ON t TO corpus_carol;

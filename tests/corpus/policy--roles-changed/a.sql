CREATE TABLE t (id int, who text);
CREATE POLICY p ON t TO corpus_alice USING (id > 0);
CREATE POLICY q ON t USING (id > 0);

CREATE TABLE t (id int, who text);
CREATE POLICY p ON t USING (id > 0);
CREATE POLICY q ON t TO corpus_bob, corpus_alice USING (id > 0);

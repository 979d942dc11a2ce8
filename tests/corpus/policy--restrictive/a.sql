CREATE TABLE t (id int, who text);
CREATE POLICY p ON t USING (id > 0);

CREATE TABLE t (id int, who text);
CREATE POLICY p ON t FOR SELECT USING (id > 0);

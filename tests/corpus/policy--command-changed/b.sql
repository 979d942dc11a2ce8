CREATE TABLE t (id int, who text);
CREATE POLICY p ON t FOR DELETE USING (id > 0);

CREATE TABLE t (id int, who text);
CREATE POLICY p ON t USING (who = CURRENT_USER AND id > 0);

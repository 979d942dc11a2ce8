CREATE TABLE t (id int, who text);
CREATE TABLE members (who text, id int);
CREATE POLICY p ON t USING (id IN (SELECT id FROM members WHERE who = CURRENT_USER));

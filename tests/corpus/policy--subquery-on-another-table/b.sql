CREATE TABLE t (id int, who text);
CREATE TABLE zmembers (who text, id int);
CREATE POLICY p ON t USING (id IN (SELECT id FROM zmembers WHERE who = CURRENT_USER));

CREATE TABLE t (id int, who text);
CREATE FUNCTION visible(x int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT x > 0';
CREATE POLICY p ON t USING (visible(id));

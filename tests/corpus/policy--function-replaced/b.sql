CREATE TABLE t (id int, who text);
CREATE FUNCTION visible(y int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT y > 0';
CREATE POLICY p ON t USING (visible(id));

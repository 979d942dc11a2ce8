CREATE TABLE t (id int, who text);
CREATE POLICY p ON t USING (who = CURRENT_USER) WITH CHECK (id > 0);
COMMENT ON POLICY p ON t IS 'stays';

CREATE TABLE t (id int, who text);
CREATE POLICY p ON t USING (who = SESSION_USER) WITH CHECK (id > 1);
COMMENT ON POLICY p ON t IS 'stays';

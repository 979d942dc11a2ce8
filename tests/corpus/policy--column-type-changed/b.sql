CREATE TABLE t (id bigint, who text);
CREATE TABLE u (id int, owner bigint);
CREATE POLICY p ON t USING (id > 0) WITH CHECK (EXISTS (SELECT FROM u WHERE u.id = t.id AND u.owner = 1));
COMMENT ON POLICY p ON t IS 'comes back';

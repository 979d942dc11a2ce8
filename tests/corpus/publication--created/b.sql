CREATE TABLE t (id int PRIMARY KEY, a int);
CREATE TABLE u (id int PRIMARY KEY);
CREATE PUBLICATION p FOR TABLE t, u;
COMMENT ON PUBLICATION p IS 'p';
CREATE PUBLICATION empty WITH (publish = '', publish_via_partition_root = true);
CREATE PUBLICATION every FOR ALL TABLES WITH (publish = 'insert, truncate');
ALTER PUBLICATION p OWNER TO corpus_alice;

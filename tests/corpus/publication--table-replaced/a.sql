-- from PostgreSQL 15 on
CREATE TABLE t (id int, a int);
CREATE PUBLICATION p FOR TABLE t (id) WHERE (id > 1) WITH (publish = 'insert', publish_via_partition_root = true);

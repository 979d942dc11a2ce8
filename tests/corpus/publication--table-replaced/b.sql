-- from PostgreSQL 15 on
CREATE TABLE t (id int, a int) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t DEFAULT;
CREATE PUBLICATION p FOR TABLE t (id) WHERE (id > 1) WITH (publish = 'insert', publish_via_partition_root = true);

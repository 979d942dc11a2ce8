CREATE PUBLICATION "we ""ird" WITH (publish = 'delete, update', publish_via_partition_root = true);

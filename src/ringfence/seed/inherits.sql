-- A row is a table that inherits from another, directly; a partition does not.
SELECT
    i.inhrelid::BIGINT AS child,
    i.inhparent::BIGINT AS parent
FROM pg_inherits AS i
INNER JOIN pg_class AS c ON i.inhrelid = c.oid
WHERE c.relkind = 'r' AND NOT c.relispartition
ORDER BY i.inhrelid, i.inhseqno;

-- A row is a table that can be filled: ordinary or partitioned, nobody's partition, no extension's.
-- Of one that is afar, a partition is another server's.
SELECT
    c.oid::BIGINT AS oid,
    n.nspname AS schema,
    c.relname AS name,
    c.relkind = 'p' AS partitioned,
    EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid) AS has_children,
    c.relkind = 'p' AND EXISTS (
        SELECT FROM pg_partition_tree(c.oid) AS p
        INNER JOIN pg_class AS f ON p.relid = f.oid
        WHERE f.relkind = 'f'
    ) AS afar,
    c.relrowsecurity AS row_security
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE
    c.relkind IN ('r', 'p')
    AND NOT c.relispartition
    AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND NOT EXISTS (
        SELECT
        FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::REGCLASS AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY n.nspname, c.relname;

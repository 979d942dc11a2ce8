-- A row is a table that can be filled: ordinary or partitioned, nobody's partition, no extension's.
-- Of one that is afar, a partition or heir is another server's.
WITH RECURSIVE below AS (
    SELECT
        i.inhparent AS whole,
        i.inhrelid AS part
    FROM pg_inherits AS i
    UNION
    SELECT
        b.whole,
        i.inhrelid AS part
    FROM below AS b
    INNER JOIN pg_inherits AS i ON b.part = i.inhparent
)

SELECT
    c.oid::BIGINT AS oid,
    n.nspname AS schema,
    c.relname AS name,
    c.relkind = 'p' AS partitioned,
    EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid) AS has_children,
    EXISTS (
        SELECT FROM below AS b
        INNER JOIN pg_class AS f ON b.part = f.oid
        WHERE b.whole = c.oid AND f.relkind = 'f'
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

-- A row is an index that is there for queries alone: since when is counted, how often it was used,
-- its size. Of a partitioned one all that its partitions' were used counts. One row without an
-- index tells since when, where there is none.
WITH RECURSIVE since AS (
    -- Without a reset it counts from the beginning, which nobody notes: at least since the start.
    SELECT COALESCE(d.stats_reset, pg_catalog.pg_postmaster_start_time()) AS at
    FROM pg_catalog.pg_stat_database AS d
    WHERE d.datname = current_database()
),

tops AS (
    SELECT
        i.indexrelid AS top,
        i.indexrelid AS part
    FROM pg_catalog.pg_index AS i
    INNER JOIN pg_catalog.pg_class AS r ON i.indexrelid = r.oid
    WHERE
        NOT r.relispartition
        AND NOT (i.indisunique OR i.indisexclusion OR i.indisreplident OR i.indisclustered)
    UNION ALL
    SELECT
        t.top,
        h.inhrelid
    FROM tops AS t
    INNER JOIN pg_catalog.pg_inherits AS h ON t.part = h.inhparent
),

counted AS (
    SELECT
        n.nspname,
        r.relname,
        SUM(COALESCE(pg_catalog.pg_stat_get_numscans(t.part), 0)) AS scans,
        pg_catalog.pg_size_pretty(SUM(pg_catalog.pg_relation_size(t.part))) AS size
    FROM tops AS t
    INNER JOIN pg_catalog.pg_class AS r ON t.top = r.oid
    INNER JOIN pg_catalog.pg_namespace AS n ON r.relnamespace = n.oid
    WHERE
        n.nspname NOT LIKE 'pg\_%'
        AND n.nspname <> 'information_schema'
        AND NOT EXISTS (
            SELECT 1
            FROM pg_catalog.pg_depend AS d
            INNER JOIN pg_catalog.pg_index AS i ON d.objid = i.indrelid
            WHERE d.deptype = 'e' AND d.classid = 'pg_class'::REGCLASS AND i.indexrelid = t.top
        )
    GROUP BY n.nspname, r.relname
)

SELECT
    s.at,
    c.nspname,
    c.relname,
    c.scans,
    c.size
FROM since AS s
LEFT JOIN counted AS c ON TRUE
ORDER BY c.nspname, c.relname;

-- Row estimates of the real tables for a shadow's.
-- ringfence.rows is JSON, [schema, name, rows, pages] each.
SELECT
    COUNT(*) FILTER (
        WHERE PG_RESTORE_RELATION_STATS(
            'schemaname', given.schema,
            'relname', given.name,
            'relpages', given.pages,
            'reltuples', given.tuples
        )
    ) AS tables
FROM (
    SELECT
        g.value ->> 0 AS schema,
        g.value ->> 1 AS name,
        (g.value ->> 2)::REAL AS tuples,
        (g.value ->> 3)::INTEGER AS pages
    FROM JSONB_ARRAY_ELEMENTS(CURRENT_SETTING('ringfence.rows')::JSONB) AS g (value)
) AS given
INNER JOIN pg_catalog.pg_namespace AS n ON given.schema = n.nspname
INNER JOIN pg_catalog.pg_class AS c ON n.oid = c.relnamespace AND given.name = c.relname
WHERE c.relkind IN ('r', 'm');

-- Row estimates of the real tables for a shadow's.
-- ringfence.rows is JSON, [schema, name, rows, pages] each.
WITH given AS (
    SELECT
        g.value ->> 0 AS schema,
        g.value ->> 1 AS name,
        (g.value ->> 2)::REAL AS tuples,
        (g.value ->> 3)::INTEGER AS pages
    FROM JSONB_ARRAY_ELEMENTS(CURRENT_SETTING('ringfence.rows')::JSONB) AS g (value)
),

written AS (
    UPDATE pg_catalog.pg_class AS c
    SET reltuples = given.tuples, relpages = given.pages
    FROM given
    INNER JOIN pg_catalog.pg_namespace AS n ON given.schema = n.nspname
    WHERE c.relnamespace = n.oid AND c.relname = given.name AND c.relkind IN ('r', 'm')
    RETURNING c.oid
)

SELECT COUNT(*) AS tables FROM written;

-- The row says how many relations there are, and of which kinds of objects there may be one: each
-- kind adds its own question, which may look at what relations and types there are.
WITH
relations AS MATERIALIZED (
    SELECT
        c.relkind,
        c.relreplident,
        COUNT(*) AS many
    FROM pg_catalog.pg_class AS c
    WHERE c.oid >= 16384
    GROUP BY c.relkind, c.relreplident
),

types AS MATERIALIZED (  -- noqa: ST03
    SELECT DISTINCT t.typtype
    FROM pg_catalog.pg_type AS t
    WHERE t.oid >= 16384
)

SELECT (SELECT COALESCE(SUM(r.many), 0)::INTEGER FROM relations AS r) AS relations
-- ask:
FROM (SELECT) AS nothing;

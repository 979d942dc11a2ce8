-- The row says of which kinds of objects there may be one: each kind adds its own question, which
-- may look at what relations and types there are.
WITH
relations AS MATERIALIZED (  -- noqa: ST03
    SELECT DISTINCT
        c.relkind,
        c.relreplident
    FROM pg_catalog.pg_class AS c
    WHERE c.oid >= 16384
),

types AS MATERIALIZED (  -- noqa: ST03
    SELECT DISTINCT
        t.typtype,
        t.typinput = 'array_in'::REGPROC AS is_array
    FROM pg_catalog.pg_type AS t
    WHERE t.oid >= 16384
)

SELECT
-- ask:
FROM (SELECT) AS nothing;

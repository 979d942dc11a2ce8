-- A row is the trigger of a partition that does not fire when the one it was made for does.
WITH RECURSIVE made AS (
    SELECT
        t.oid,
        t.tgparentid AS above
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgparentid <> 0
    UNION ALL
    SELECT
        m.oid,
        t.tgparentid
    FROM made AS m
    INNER JOIN pg_catalog.pg_trigger AS t ON m.above = t.oid
    WHERE t.tgparentid <> 0
)

SELECT
    'pg_trigger'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT, t.tgname::TEXT] AS name,
    'trigger' AS parent_kind,
    ARRAY[rn.nspname::TEXT, rc.relname::TEXT, r.tgname::TEXT] AS parent,
    t.tgenabled::TEXT AS enabled
FROM made AS m
INNER JOIN pg_catalog.pg_trigger AS t ON m.oid = t.oid
INNER JOIN pg_catalog.pg_trigger AS r ON m.above = r.oid
INNER JOIN pg_catalog.pg_class AS c ON t.tgrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_catalog.pg_class AS rc ON r.tgrelid = rc.oid
INNER JOIN pg_catalog.pg_namespace AS rn ON rc.relnamespace = rn.oid
WHERE
    t.tgenabled <> r.tgenabled
    AND r.tgparentid = 0
    AND NOT r.tgisinternal
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema';

-- A row is a constraint of a domain: a check, or from PostgreSQL 17 on its NOT NULL.
SELECT
    'pg_constraint'::REGCLASS::OID AS classid,
    k.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, t.typname::TEXT, k.conname::TEXT] AS name,
    pg_catalog.pg_get_constraintdef(k.oid) AS definition
FROM pg_catalog.pg_constraint AS k
INNER JOIN pg_catalog.pg_type AS t ON k.contypid = t.oid
INNER JOIN pg_catalog.pg_namespace AS n ON t.typnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_type'::REGCLASS AND t.oid = e.objid
WHERE
    k.contype IN ('c', 'n')
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL
ORDER BY k.contypid, k.contype = 'c', k.conname;

-- A row is a domain. From PostgreSQL 17 on, NOT NULL is a constraint of its own.
SELECT
    'pg_type'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, t.typname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(t.typowner) AS owner,
    t.typacl::TEXT[] AS acl,
    pg_catalog.format_type(t.typbasetype, t.typtypmod) AS base,
    CASE
        WHEN t.typcollation <> b.typcollation THEN t.typcollation::REGCOLLATION::TEXT
    END AS collation,
    t.typnotnull AND NOT EXISTS (
        SELECT 1
        FROM pg_catalog.pg_constraint AS k
        WHERE k.contypid = t.oid AND k.contype = 'n'
    ) AS not_null
FROM pg_catalog.pg_type AS t
INNER JOIN pg_catalog.pg_type AS b ON t.typbasetype = b.oid
INNER JOIN pg_catalog.pg_namespace AS n ON t.typnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_type'::REGCLASS AND t.oid = e.objid
WHERE
    t.typtype = 'd'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

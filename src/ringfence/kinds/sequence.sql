-- A row is a sequence that no identity column owns.
SELECT
    'pg_class'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(c.relowner) AS owner,
    c.relacl::TEXT[] AS acl,
    pg_catalog.format_type(s.seqtypid, NULL) AS type,
    s.seqstart::TEXT AS start,
    s.seqincrement::TEXT AS increment,
    s.seqmin::TEXT AS minimum,
    s.seqmax::TEXT AS maximum,
    s.seqcache::TEXT AS cache,
    s.seqcycle AS cycle,
    c.relpersistence = 'u' AS unlogged
FROM pg_catalog.pg_sequence AS s
INNER JOIN pg_catalog.pg_class AS c ON s.seqrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN
    LATERAL (
        SELECT e.objid
        FROM pg_catalog.pg_depend AS e
        WHERE
            e.classid = 'pg_class'::REGCLASS AND e.objid = c.oid AND e.objsubid = 0
            AND e.deptype IN ('e', 'i')
        LIMIT 1  -- noqa: AM09
    ) AS e
    ON TRUE
WHERE
    c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

-- A row is a sequence's ownership by a column, other than an identity column's.
SELECT
    'pg_depend'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    ARRAY[tn.nspname::TEXT, t.relname::TEXT, a.attname::TEXT] AS "column"
FROM pg_catalog.pg_class AS c
CROSS JOIN
    LATERAL (
        SELECT
            d.refobjid,
            d.refobjsubid
        FROM pg_catalog.pg_depend AS d
        WHERE
            d.classid = 'pg_class'::REGCLASS AND d.objid = c.oid AND d.objsubid = 0
            AND d.refclassid = 'pg_class'::REGCLASS AND d.deptype = 'a'
        LIMIT 1  -- noqa: AM09
    ) AS d
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_catalog.pg_class AS t ON d.refobjid = t.oid
INNER JOIN pg_catalog.pg_namespace AS tn ON t.relnamespace = tn.oid
INNER JOIN pg_catalog.pg_attribute AS a ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid
WHERE
    c.relkind = 'S'
    AND c.oid >= 16384
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

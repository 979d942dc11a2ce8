-- A row is the sequence of an identity column.
SELECT
    'pg_class'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    d.refobjid AS under,
    d.refobjsubid AS under_part,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(c.relowner) AS acl_owner,
    c.relacl::TEXT[] AS acl
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
CROSS JOIN
    LATERAL (
        SELECT
            d.refobjid,
            d.refobjsubid
        FROM pg_catalog.pg_depend AS d
        WHERE
            d.classid = 'pg_class'::REGCLASS AND d.objid = c.oid AND d.objsubid = 0
            AND d.refclassid = 'pg_class'::REGCLASS AND d.deptype = 'i'
        LIMIT 1  -- noqa: AM09
    ) AS d
WHERE c.relkind = 'S' AND c.oid >= 16384;

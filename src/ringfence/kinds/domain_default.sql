-- A row is the default of a domain. What its expression needs, pg_depend has as the domain's;
-- depend.sql tells that from what the domain itself needs, and makes it part 1 of the domain.
SELECT
    'pg_type'::REGCLASS::OID AS classid,
    t.oid AS objid,
    1 AS objsubid,
    ARRAY[n.nspname::TEXT, t.typname::TEXT] AS name,
    CASE
        WHEN t.typdefaultbin IS NOT NULL THEN pg_catalog.pg_get_expr(t.typdefaultbin, 0)
        ELSE pg_catalog.quote_literal(t.typdefault)
    END AS expression
FROM pg_catalog.pg_type AS t
INNER JOIN pg_catalog.pg_namespace AS n ON t.typnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_type'::REGCLASS AND t.oid = e.objid
WHERE
    t.typtype = 'd'
    AND (t.typdefaultbin IS NOT NULL OR t.typdefault IS NOT NULL)
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

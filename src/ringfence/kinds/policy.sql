-- A row is a row-level security policy.
SELECT
    'pg_policy'::REGCLASS::OID AS classid,
    p.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT, p.polname::TEXT] AS name,
    NULLIF(p.polcmd, '*') AS command,
    NOT p.polpermissive AS restrictive,
    CASE WHEN p.polroles <> '{0}' THEN ARRAY(
        SELECT pg_catalog.pg_get_userbyid(r)::TEXT FROM unnest(p.polroles) AS r ORDER BY 1
    ) END AS roles,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS using_expression,
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS check_expression
FROM pg_catalog.pg_policy AS p
INNER JOIN pg_catalog.pg_class AS c ON p.polrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

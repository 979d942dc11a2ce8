-- A row is a row-level security policy. Many have the same roles: each list of them is named once.
WITH
roles AS MATERIALIZED (
    SELECT
        p.polroles,
        ARRAY(
            SELECT pg_catalog.pg_get_userbyid(r)::TEXT FROM unnest(p.polroles) AS r ORDER BY 1
        ) AS named
    FROM (SELECT DISTINCT o.polroles FROM pg_catalog.pg_policy AS o) AS p
    WHERE p.polroles <> '{0}'
)

SELECT
    'pg_policy'::REGCLASS::OID AS classid,
    p.oid AS objid,
    0 AS objsubid,
    p.polrelid AS under,
    p.polname AS name,
    NULLIF(p.polcmd, '*') AS command,
    NOT p.polpermissive AS restrictive,
    r.named AS roles,
    u.using_expression,
    CASE
        WHEN p.polwithcheck::TEXT = p.polqual::TEXT THEN u.using_expression
        ELSE pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
    END AS check_expression
FROM pg_catalog.pg_policy AS p
INNER JOIN pg_catalog.pg_class AS c ON p.polrelid = c.oid
LEFT JOIN roles AS r ON p.polroles = r.polroles
CROSS JOIN
    LATERAL (  -- noqa: ST05
        SELECT pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS using_expression
        LIMIT 1  -- noqa: AM09
    ) AS u
WHERE c.oid >= 16384 AND c.relpersistence <> 't';

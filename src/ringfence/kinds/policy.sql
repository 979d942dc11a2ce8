-- A row is a row-level security policy. Many have the same roles: each list of them is named once.
-- Where that is said, columns are named like those of a stand-in (pg/composed.py): the policy's own
-- table would have to be loaded. Not so where that may be named, too, in a query.
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
        ELSE pg_catalog.pg_get_expr(p.polwithcheck, u.like_it)
    END AS check_expression,
    u.stand_in
FROM pg_catalog.pg_policy AS p
INNER JOIN pg_catalog.pg_class AS c ON p.polrelid = c.oid
LEFT JOIN roles AS r ON p.polroles = r.polroles
CROSS JOIN
    LATERAL (  -- noqa: ST05
        SELECT
            s.stand_in,
            l.like_it,
            pg_catalog.pg_get_expr(p.polqual, l.like_it) AS using_expression
        FROM (
            SELECT
                c.relnatts <= 20
                -- plain:
                AND (p.polqual IS NULL OR position('{QUERY ' IN p.polqual::TEXT) = 0)
                AND (
                    p.polwithcheck IS NULL
                    OR p.polwithcheck::TEXT = p.polqual::TEXT
                    OR position('{QUERY ' IN p.polwithcheck::TEXT) = 0
                ) AS stand_in
        ) AS s
        CROSS JOIN
            LATERAL (
                SELECT CASE WHEN s.stand_in THEN 'pg_index'::REGCLASS ELSE p.polrelid END AS like_it
                LIMIT 1  -- noqa: AM09
            ) AS l
        LIMIT 1  -- noqa: AM09
    ) AS u
WHERE
    c.oid >= 16384
    -- only: p.oid
    AND c.relpersistence <> 't';

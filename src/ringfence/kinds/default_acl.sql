-- A row is what a grantee has by default on what a role makes of one kind, in one schema or in all,
-- where that is not what holds without default privileges.
SELECT
    'pg_default_acl'::REGCLASS::OID AS classid,
    d.oid AS objid,
    0 AS objsubid,
    ARRAY[
        COALESCE(n.nspname::TEXT, ''),
        pg_catalog.pg_get_userbyid(d.defaclrole)::TEXT,
        CASE d.defaclobjtype
            WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
            WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS'
        END,
        CASE g.grantee
            WHEN 0 THEN 'public' WHEN d.defaclrole THEN 'none'
            ELSE pg_catalog.pg_get_userbyid(g.grantee)::TEXT
        END
    ] AS name,
    'schema' AS parent_kind,
    CASE WHEN n.oid IS NOT NULL THEN ARRAY[n.nspname::TEXT] END AS parent,
    COALESCE(g.privileges, ARRAY[]::TEXT[]) AS privileges,
    g.options
FROM pg_catalog.pg_default_acl AS d
LEFT JOIN pg_catalog.pg_namespace AS n ON d.defaclnamespace = n.oid
CROSS JOIN
    LATERAL (  -- noqa: ST05
        SELECT
            COALESCE(held.grantee, usual.grantee) AS grantee,
            held.privileges,
            held.options
        FROM (
            SELECT
                x.grantee,
                array_agg(x.privilege_type ORDER BY x.privilege_type) AS privileges,
                array_agg(x.privilege_type ORDER BY x.privilege_type)
                FILTER (WHERE x.is_grantable) AS options
            FROM pg_catalog.aclexplode(d.defaclacl) AS x
            GROUP BY x.grantee
        ) AS held
        FULL JOIN (
            SELECT
                x.grantee,
                array_agg(x.privilege_type ORDER BY x.privilege_type) AS privileges
            FROM
                pg_catalog.aclexplode(
                    pg_catalog.acldefault(
                        replace(d.defaclobjtype::TEXT, 'S', 's')::"char", d.defaclrole
                    )
                ) AS x
            WHERE d.defaclnamespace = 0
            GROUP BY x.grantee
        ) AS usual ON held.grantee = usual.grantee
        WHERE
            held.privileges IS DISTINCT FROM usual.privileges
            OR held.options IS NOT NULL
    ) AS g
WHERE n.oid IS NULL OR (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema');

-- A row is a function, window function or procedure.
SELECT
    'pg_proc'::REGCLASS::OID AS classid,
    p.oid AS objid,
    0 AS objsubid,
    ARRAY[
        n.nspname::TEXT, p.proname::TEXT,
        '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')'
    ] AS name,
    pg_catalog.pg_get_userbyid(p.proowner) AS owner,
    p.proacl::TEXT[] AS acl,
    p.prokind::TEXT AS kind,
    (
        SELECT
            array_agg(
                ARRAY[
                    COALESCE(p.proargmodes[a.i], 'i')::TEXT, COALESCE(p.proargnames[a.i], ''),
                    pg_catalog.format_type(a.type, NULL)
                ]
                ORDER BY a.i
            )
        FROM unnest(COALESCE(p.proallargtypes, p.proargtypes::OID[])) WITH ORDINALITY AS a (type, i)
    ) AS arguments,
    NULLIF(p.pronargdefaults, 0)::INTEGER AS defaults,
    pg_catalog.pg_get_function_result(p.oid) AS result,
    pg_catalog.pg_get_functiondef(p.oid) AS definition
FROM pg_catalog.pg_proc AS p
INNER JOIN pg_catalog.pg_namespace AS n ON p.pronamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON e.classid = 'pg_proc'::REGCLASS AND p.oid = e.objid AND e.deptype IN ('e', 'i')
WHERE
    p.prokind IN ('f', 'w', 'p')
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

-- A row is a function, procedure or aggregate that somebody can call, with the roles that may. An
-- aggregate works by other functions, whose bodies and rights are taken for its own.
SELECT
    p.oid::BIGINT AS oid,
    n.nspname AS schema,
    p.proname AS name,
    pg_get_function_identity_arguments(p.oid) AS signature,
    p.prokind = 'p' AS procedure,
    p.prokind = 'a' AS aggregate,
    p.prosecdef OR EXISTS (
        SELECT FROM pg_proc AS f WHERE f.oid IN (g.aggtransfn, g.aggfinalfn) AND f.prosecdef
    ) AS definer,
    o.rolname AS owner,
    p.provolatile::TEXT AS volatility,
    COALESCE((
        SELECT substr(s.setting, 13) FROM unnest(p.proconfig) AS s (setting)
        WHERE s.setting LIKE 'search_path=%%'
    ), '') AS path,
    p.proretset AS returns_set,
    p.provariadic <> 0 AS any_number,
    p.proleakproof AS leakproof,
    p.prorettype = 'refcursor'::REGTYPE AS opens_cursor,
    t.typtype = 'p' AND t.typname NOT IN ('void', 'record') AS pseudo,
    COALESCE((
        SELECT string_agg(f.prosrc, E'\n') FROM pg_proc AS f
        WHERE f.oid IN (g.aggtransfn, g.aggfinalfn)
    ), p.prosrc) AS body,
    ARRAY(
        SELECT format_type(a.type, NULL)
        FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n) ORDER BY a.n
    ) AS types,
    ARRAY(
        SELECT COALESCE(p.proargnames[i.n], '')
        FROM
            unnest(
                COALESCE(p.proargmodes::TEXT[], array_fill('i'::TEXT, ARRAY[p.pronargs::INT]))
            ) WITH ORDINALITY AS i (mode, n)
        WHERE i.mode IN ('i', 'b', 'v') OR (p.prokind = 'p' AND i.mode = 'o')
        ORDER BY i.n
    ) AS names,
    ARRAY(
        SELECT r.rolname FROM pg_roles AS r
        WHERE
            r.rolname = ANY(CURRENT_SETTING('ringfence.roles')::TEXT[])
            AND has_schema_privilege(r.oid, n.oid, 'USAGE')
            AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
    ) AS callers,
    has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM pg_proc AS p
INNER JOIN pg_namespace AS n ON p.pronamespace = n.oid
INNER JOIN pg_roles AS o ON p.proowner = o.oid
INNER JOIN pg_type AS t ON p.prorettype = t.oid
LEFT JOIN pg_aggregate AS g ON p.oid = g.aggfnoid
WHERE
    (p.prokind IN ('f', 'p') OR (p.prokind = 'a' AND g.aggkind = 'n' AND p.pronargs > 0))
    AND p.prorettype <> ALL(ARRAY['trigger', 'event_trigger', 'internal']::REGTYPE[])
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname <> ALL(CURRENT_SETTING('ringfence.exclude')::TEXT[])
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_proc'::REGCLASS AND d.objid = p.oid AND d.deptype = 'e'
    )
ORDER BY n.nspname, p.proname, p.oid;

-- A row is what plpgsql_check says of a function: what, how grave, where in it. A function of
-- triggers is checked for each of their tables. The search_path leads to the extension.
SELECT
    n.nspname AS schema,
    p.proname AS name,
    p.prokind = 'p' AS procedure,
    ARRAY(
        SELECT format_type(a.type, NULL)
        FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n) ORDER BY a.n
    ) AS types,
    c.level,
    c.message,
    COALESCE(c.lineno, 0) AS line,
    COALESCE(c.hint, '') AS hint,
    COALESCE(c.sqlstate, '') AS sqlstate,
    COALESCE(t.tgrelid::REGCLASS::TEXT, '') AS "table"
FROM pg_proc AS p
INNER JOIN pg_namespace AS n ON p.pronamespace = n.oid
INNER JOIN pg_language AS l ON p.prolang = l.oid
LEFT JOIN LATERAL (
    SELECT DISTINCT g.tgrelid FROM pg_trigger AS g WHERE g.tgfoid = p.oid AND g.tgparentid = 0
) AS t ON p.prorettype = 'trigger'::REGTYPE
CROSS JOIN
    plpgsql_check_function_tb(
        p.oid::REGPROCEDURE, COALESCE(t.tgrelid, 0)::REGCLASS, fatal_errors => false
    ) AS c
WHERE
    l.lanname = 'plpgsql'
    AND p.prokind IN ('f', 'p')
    AND p.prorettype <> 'event_trigger'::REGTYPE
    AND (p.prorettype <> 'trigger'::REGTYPE OR t.tgrelid IS NOT NULL)
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_proc'::REGCLASS AND d.objid = p.oid AND d.deptype = 'e'
    )
ORDER BY n.nspname, p.proname, p.oid, c.lineno;

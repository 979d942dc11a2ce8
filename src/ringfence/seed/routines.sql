-- A row is a function written in SQL or PL/pgSQL that no extension owns, with its body.
SELECT
    f.proname AS name,
    f.prosrc AS body
FROM pg_proc AS f
INNER JOIN pg_language AS l ON f.prolang = l.oid
INNER JOIN pg_namespace AS n ON f.pronamespace = n.oid
WHERE
    l.lanname IN ('sql', 'plpgsql')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND NOT EXISTS (
        SELECT
        FROM pg_depend AS d
        WHERE d.classid = 'pg_proc'::REGCLASS AND d.objid = f.oid AND d.deptype = 'e'
    )
ORDER BY f.proname, f.oid;

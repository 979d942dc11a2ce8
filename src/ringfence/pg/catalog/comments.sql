-- A row is a comment: what it is on, no provider, its text.
SELECT
    d.classoid,
    d.objoid,
    d.objsubid,
    NULL::TEXT AS provider,
    d.description
FROM pg_catalog.pg_description AS d
WHERE d.objoid >= 16384 OR d.classoid = 'pg_namespace'::REGCLASS
UNION ALL
SELECT
    d.classoid,
    d.objoid,
    0,
    NULL::TEXT AS provider,
    d.description
FROM pg_catalog.pg_shdescription AS d
WHERE d.objoid >= 16384;

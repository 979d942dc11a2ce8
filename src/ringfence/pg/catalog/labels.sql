-- A row is a security label: what it is on, its provider, its text.
SELECT
    l.classoid,
    l.objoid,
    l.objsubid,
    l.provider,
    l.label
FROM pg_catalog.pg_seclabel AS l
UNION ALL
SELECT
    l.classoid,
    l.objoid,
    0,
    l.provider,
    l.label
FROM pg_catalog.pg_shseclabel AS l;

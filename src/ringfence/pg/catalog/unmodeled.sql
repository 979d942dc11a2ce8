-- A row is an object, or an attribute of one, that ringfence does not model.
SELECT
    'transform' AS what,
    format('%s for %s', l.lanname, t.trftype::REGTYPE) AS name,
    'transforms are not modelled' AS reason
FROM pg_catalog.pg_transform AS t
INNER JOIN pg_catalog.pg_language AS l ON t.trflang = l.oid
WHERE
    t.oid >= 16384
    AND NOT EXISTS (
        SELECT 1
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_transform'::REGCLASS AND d.objid = t.oid AND d.deptype = 'e'
    )
ORDER BY 1, 2;

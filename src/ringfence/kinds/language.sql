-- A row is a procedural language that no extension brought.
SELECT
    'pg_language'::REGCLASS::OID AS classid,
    l.oid AS objid,
    0 AS objsubid,
    ARRAY[l.lanname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(l.lanowner) AS owner,
    l.lanacl::TEXT[] AS acl,
    l.lanpltrusted AS trusted,
    CASE WHEN l.lanplcallfoid <> 0 THEN l.lanplcallfoid::REGPROC::TEXT END AS handler,
    CASE WHEN l.laninline <> 0 THEN l.laninline::REGPROC::TEXT END AS inline,
    CASE WHEN l.lanvalidator <> 0 THEN l.lanvalidator::REGPROC::TEXT END AS validator
FROM pg_catalog.pg_language AS l
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_language'::REGCLASS AND l.oid = e.objid
WHERE l.oid >= 16384 AND e.objid IS NULL;

-- A row is an access method of tables or indexes.
SELECT
    'pg_am'::REGCLASS::OID AS classid,
    m.oid AS objid,
    0 AS objsubid,
    ARRAY[m.amname::TEXT] AS name,
    m.amtype::TEXT AS type,
    m.amhandler::TEXT AS handler
FROM pg_catalog.pg_am AS m
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_am'::REGCLASS AND m.oid = e.objid
WHERE m.oid >= 16384 AND e.objid IS NULL;

-- A row is a conversion from one encoding to another.
SELECT
    'pg_conversion'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.conname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(c.conowner) AS owner,
    pg_catalog.pg_encoding_to_char(c.conforencoding)::TEXT AS for_encoding,
    pg_catalog.pg_encoding_to_char(c.contoencoding)::TEXT AS to_encoding,
    c.conproc::REGPROC::TEXT AS function,
    c.condefault AS is_default
FROM pg_catalog.pg_conversion AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.connamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_conversion'::REGCLASS AND c.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

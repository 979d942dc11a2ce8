-- A row is an object that goes when an extension is dropped: what it is, the extension, no text.
SELECT
    d.classid,
    d.objid,
    d.objsubid,
    x.extname::TEXT AS provider,
    NULL::TEXT AS text
FROM pg_catalog.pg_depend AS d
INNER JOIN pg_catalog.pg_extension AS x ON d.refobjid = x.oid
WHERE d.refclassid = 'pg_extension'::REGCLASS AND d.deptype = 'x';

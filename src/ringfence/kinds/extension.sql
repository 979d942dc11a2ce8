-- A row is an extension. Its version is left out: which one there is, the server decides. plpgsql
-- is in every database.
SELECT
    'pg_extension'::REGCLASS::OID AS classid,
    x.oid AS objid,
    0 AS objsubid,
    ARRAY[x.extname::TEXT] AS name,
    n.nspname::TEXT AS schema
FROM pg_catalog.pg_extension AS x
INNER JOIN pg_catalog.pg_namespace AS n ON x.extnamespace = n.oid
WHERE x.extname <> 'plpgsql';

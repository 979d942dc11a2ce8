-- A row is a schema in a publication.
SELECT
    'pg_publication_namespace'::REGCLASS::OID AS classid,
    r.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, p.pubname::TEXT] AS name
FROM pg_catalog.pg_publication_namespace AS r
INNER JOIN pg_catalog.pg_publication AS p ON r.pnpubid = p.oid
INNER JOIN pg_catalog.pg_namespace AS n ON r.pnnspid = n.oid;

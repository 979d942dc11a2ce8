-- A row would be a schema in a publication: there is none before PostgreSQL 15.
SELECT
    'pg_publication'::REGCLASS::OID AS classid,
    0::OID AS objid,
    0 AS objsubid,
    ARRAY[]::TEXT[] AS name
WHERE FALSE;

-- A row is a table in a publication.
SELECT
    'pg_publication_rel'::REGCLASS::OID AS classid,
    r.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT, p.pubname::TEXT] AS name,
    CASE WHEN r.prattrs IS NOT NULL THEN (
        SELECT array_agg(a.attname::TEXT ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::SMALLINT[])
    ) END AS columns,
    pg_catalog.pg_get_expr(r.prqual, r.prrelid) AS filter
FROM pg_catalog.pg_publication_rel AS r
INNER JOIN pg_catalog.pg_publication AS p ON r.prpubid = p.oid
INNER JOIN pg_catalog.pg_class AS c ON r.prrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid;

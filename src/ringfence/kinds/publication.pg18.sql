-- A row is a publication.
SELECT
    'pg_publication'::REGCLASS::OID AS classid,
    p.oid AS objid,
    0 AS objsubid,
    ARRAY[p.pubname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(p.pubowner) AS owner,
    p.puballtables AS all_tables,
    array_remove(
        ARRAY[
            CASE WHEN p.pubinsert THEN 'insert' END,
            CASE WHEN p.pubupdate THEN 'update' END,
            CASE WHEN p.pubdelete THEN 'delete' END,
            CASE WHEN p.pubtruncate THEN 'truncate' END
        ],
        NULL
    ) AS publish,
    p.pubviaroot AS via_root,
    p.pubgencols = 's' AS generated_columns
FROM pg_catalog.pg_publication AS p
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_publication'::REGCLASS AND p.oid = e.objid
WHERE e.objid IS NULL;

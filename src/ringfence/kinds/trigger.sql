-- A row is a trigger that somebody made.
SELECT
    'pg_trigger'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    t.tgrelid AS under,
    t.tgname AS name,
    pg_catalog.pg_get_triggerdef(t.oid) AS definition,
    NULLIF(t.tgenabled, 'O') AS enabled
FROM pg_catalog.pg_trigger AS t
INNER JOIN pg_catalog.pg_class AS c ON t.tgrelid = c.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_trigger'::REGCLASS AND t.oid = e.objid
WHERE
    NOT t.tgisinternal
    AND t.tgparentid = 0
    AND c.oid >= 16384
    AND c.relpersistence <> 't'
    AND e.objid IS NULL;

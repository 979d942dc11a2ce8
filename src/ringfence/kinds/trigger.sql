-- A row is a trigger that somebody made.
SELECT
    'pg_trigger'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT, t.tgname::TEXT] AS name,
    CASE c.relkind
        WHEN 'v' THEN 'view' WHEN 'f' THEN 'foreign_table' ELSE 'table'
    END AS parent_kind,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS parent,
    pg_catalog.pg_get_triggerdef(t.oid) AS definition,
    NULLIF(t.tgenabled, 'O') AS enabled
FROM pg_catalog.pg_trigger AS t
INNER JOIN pg_catalog.pg_class AS c ON t.tgrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND (
            (e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid)
            OR (e.classid = 'pg_trigger'::REGCLASS AND t.oid = e.objid)
        )
WHERE
    NOT t.tgisinternal
    AND t.tgparentid = 0
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

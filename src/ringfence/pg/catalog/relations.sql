-- A row is a relation that other objects are parts of: its number, kind and name. A part of one of
-- no kind, an extension's or one in a system schema, is none of the schema's; nor is a part of one
-- that is not here, the system's own or a temporary one.
SELECT
    c.oid,
    CASE
        WHEN e.objid IS NOT NULL OR n.nspname ~ '^pg_' OR n.nspname = 'information_schema' THEN NULL
        WHEN c.relkind = 'f' THEN 'foreign_table'
        WHEN c.relkind = 'v' THEN 'view'
        WHEN c.relkind = 'm' THEN 'materialized_view'
        ELSE 'table'
    END AS kind,
    n.nspname,
    c.relname
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't' AND c.oid >= 16384;

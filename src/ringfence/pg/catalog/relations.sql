-- A row is a relation that other objects are parts of: its number, kind and name. A part of one
-- that is not here, an extension's, the system's own or a temporary one, is none of the schema's.
SELECT
    c.oid,
    CASE c.relkind
        WHEN 'f' THEN 'foreign_table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view'
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
WHERE
    c.relkind IN ('r', 'p', 'f', 'v', 'm')
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

-- A row is a rule of a table or view, other than what makes a view a view.
SELECT
    'pg_rewrite'::REGCLASS::OID AS classid,
    w.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT, w.rulename::TEXT] AS name,
    CASE c.relkind
        WHEN 'v' THEN 'view' WHEN 'f' THEN 'foreign_table' ELSE 'table'
    END AS parent_kind,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS parent,
    pg_catalog.pg_get_ruledef(w.oid) AS definition,
    NULLIF(w.ev_enabled, 'O') AS enabled
FROM pg_catalog.pg_rewrite AS w
INNER JOIN pg_catalog.pg_class AS c ON w.ev_class = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0
WHERE
    w.rulename <> '_RETURN'
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

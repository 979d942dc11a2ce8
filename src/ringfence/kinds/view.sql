-- A row is a view.
SELECT
    'pg_class'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(c.relowner) AS owner,
    c.relacl::TEXT[] AS acl,
    pg_catalog.pg_get_viewdef(c.oid) AS definition,
    (
        SELECT
            array_agg(
                pg_catalog.quote_ident(a.attname) || ' '
                || pg_catalog.format_type(a.atttypid, a.atttypmod)
                || CASE
                    WHEN a.attcollation <> 0 THEN ' ' || a.attcollation::REGCOLLATION::TEXT ELSE ''
                END
                ORDER BY a.attnum
            )
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0
    ) AS columns,
    (SELECT array_agg(o.o ORDER BY o.o) FROM unnest(c.reloptions) AS o (o)) AS options
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0
WHERE
    c.relkind = 'v'
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

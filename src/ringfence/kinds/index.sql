-- A row is an index that no constraint owns.
SELECT
    'pg_class'::REGCLASS::OID AS classid,
    x.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, x.relname::TEXT] AS name,
    CASE c.relkind WHEN 'm' THEN 'materialized_view' ELSE 'table' END AS parent_kind,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS parent,
    d.head AS definition,
    CASE WHEN d.said THEN d.predicate END AS predicate,
    CASE
        WHEN x.reloptions IS NOT NULL
            THEN (SELECT array_agg(o.o ORDER BY o.o) FROM unnest(x.reloptions) AS o (o))
    END AS options,
    ts.spcname::TEXT AS tablespace,
    CASE WHEN x.relispartition THEN (
        SELECT ARRAY[pn.nspname::TEXT, px.relname::TEXT]
        FROM pg_catalog.pg_inherits AS h
        INNER JOIN pg_catalog.pg_class AS px ON h.inhparent = px.oid
        INNER JOIN pg_catalog.pg_namespace AS pn ON px.relnamespace = pn.oid
        WHERE h.inhrelid = x.oid
    ) END AS attached,
    NOT i.indisvalid AS invalid,
    CASE WHEN i.indexprs IS NOT NULL THEN (
        SELECT array_agg(a.attnum::TEXT || '=' || a.attstattarget::TEXT ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = x.oid AND a.attstattarget >= 0
    ) END AS statistics
FROM pg_catalog.pg_index AS i
INNER JOIN pg_catalog.pg_class AS x ON i.indexrelid = x.oid
INNER JOIN pg_catalog.pg_class AS c ON i.indrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON x.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_tablespace AS ts ON x.reltablespace = ts.oid
LEFT JOIN pg_catalog.pg_constraint AS own
    ON x.oid = own.conindid AND own.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0
CROSS JOIN
    LATERAL (
        -- Its options are stored in the order in which they were given: they stand on their own.
        SELECT
            t.predicate,
            t.text LIKE '% WHERE %' AND RIGHT(t.text, LENGTH(t.predicate)) = t.predicate AS said,
            CASE
                WHEN x.reloptions IS NULL THEN hd.head
                ELSE REGEXP_REPLACE(hd.head, ' WITH [(][^()]*[)]$', '')
            END AS head
        FROM (
            SELECT
                pg_catalog.pg_get_indexdef(x.oid) AS text,
                pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate
            LIMIT 1  -- noqa: AM09
        ) AS t
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN
                        t.text LIKE '% WHERE %'
                        AND RIGHT(t.text, LENGTH(t.predicate)) = t.predicate
                        THEN LEFT(t.text, LENGTH(t.text) - LENGTH(t.predicate) - LENGTH(' WHERE '))
                    ELSE t.text
                END AS head
        ) AS hd
    ) AS d
WHERE
    c.relkind IN ('r', 'p', 'm')
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND own.oid IS NULL
    AND e.objid IS NULL;

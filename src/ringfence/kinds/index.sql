-- A row is an index that no constraint owns. The text of one over columns, each with the operator
-- class and the collation that go without saying, is put together here, for all of them at once:
-- the server would look up every column, class and table for each. Any other's text is its own.
WITH
indexes AS MATERIALIZED (
    SELECT
        i.*,
        n.nspname,
        x.relname,
        x.relkind,
        x.reloptions,
        x.relispartition,
        x.reltablespace,
        c.relname AS on_name,
        am.amname
    -- Before 15 it is no column of pg_index.
    FROM (  -- noqa: ST11
        SELECT
            FALSE AS indnullsnotdistinct,
            ARRAY(SELECT generate_series(1, 64)) AS numbers
    ) AS older
    CROSS JOIN
        LATERAL (
            SELECT
                i.indexrelid,
                i.indrelid,
                i.indisunique,
                i.indisvalid,
                i.indkey,
                i.indclass,
                i.indcollation,
                i.indoption,
                i.indnatts,
                i.indnkeyatts,
                i.indpred,
                i.indexprs IS NULL AS of_columns,
                numbers,  -- noqa: RF03
                indnullsnotdistinct AS nulls_not_distinct  -- noqa: RF03
            FROM pg_catalog.pg_index AS i
        ) AS i
    INNER JOIN pg_catalog.pg_class AS x ON i.indexrelid = x.oid
    INNER JOIN pg_catalog.pg_am AS am ON x.relam = am.oid
    INNER JOIN pg_catalog.pg_class AS c ON i.indrelid = c.oid
    INNER JOIN pg_catalog.pg_namespace AS n ON x.relnamespace = n.oid
    LEFT JOIN pg_catalog.pg_constraint AS own
        ON i.indexrelid = own.conindid AND own.contype IN ('p', 'u', 'x')
    WHERE
        c.relkind IN ('r', 'p', 'm')
        AND c.relpersistence <> 't'
        AND c.oid >= 16384
        AND own.oid IS NULL
),

-- The operator classes that may have parameters are of other access methods, or somebody's own.
keys AS (
    SELECT
        i.indexrelid,
        i.indrelid AS relation,
        i.of_columns,
        i.indnkeyatts AS key_count,
        unnest(i.indkey) AS attribute,
        unnest(i.indclass) AS class,
        unnest(i.indcollation) AS of_collation,
        unnest(i.indoption) AS option,
        unnest(('{1,2,3,4,5,6}'::INTEGER[])[:i.indnatts]) AS place
    FROM indexes AS i
    WHERE i.of_columns AND i.indnatts <= 6 AND i.amname IN ('btree', 'hash', 'gin')
    UNION ALL
    -- Those of expressions may have a statistics target, at the index's own columns.
    SELECT
        i.indexrelid,
        i.indexrelid AS relation,
        FALSE,
        NULL,
        unnest(i.numbers[:i.indnatts]),
        NULL,
        NULL,
        NULL,
        NULL
    FROM indexes AS i
    WHERE NOT i.of_columns
),

-- One that is for another type than the column's goes without saying where nobody made any default.
defaults AS MATERIALIZED (
    SELECT
        o.oid,
        o.opcintype,
        NOT EXISTS (
            SELECT FROM pg_catalog.pg_opclass AS own
            WHERE own.oid >= 16384 AND own.opcdefault
        ) AS for_others
    FROM pg_catalog.pg_opclass AS o
    WHERE o.opcdefault AND o.oid < 16384
),

-- In order without being sorted.
plain AS MATERIALIZED (
    SELECT
        p.indexrelid,
        MAX(p.name) FILTER (WHERE p.place = 1)
        || COALESCE(MAX(p.name) FILTER (WHERE p.place = 2), '')
        || COALESCE(MAX(p.name) FILTER (WHERE p.place = 3), '')
        || COALESCE(MAX(p.name) FILTER (WHERE p.place = 4), '')
        || COALESCE(MAX(p.name) FILTER (WHERE p.place = 5), '')
        || COALESCE(MAX(p.name) FILTER (WHERE p.place = 6), '') AS keys,
        bool_and(p.goes_without_saying) AS is_plain,
        array_agg(p.target ORDER BY p.attribute) FILTER (WHERE p.target IS NOT NULL) AS statistics
    FROM (
        SELECT
            k.indexrelid,
            k.attribute,
            k.place,
            CASE
                WHEN k.place = 1 THEN '' WHEN k.place = k.key_count + 1 THEN ') INCLUDE (' ELSE ', '
            END
            || pg_catalog.quote_ident(a.attname)
            || CASE k.option
                WHEN 1 THEN ' DESC NULLS LAST' WHEN 2 THEN ' NULLS FIRST' WHEN 3 THEN ' DESC'
                ELSE ''
            END AS name,
            k.of_columns
            AND CASE
                WHEN k.place > k.key_count THEN TRUE
                WHEN d.oid IS NULL OR k.of_collation NOT IN (0, a.attcollation) THEN FALSE
                WHEN d.opcintype = a.atttypid THEN TRUE
                WHEN a.atttypid = 'varchar'::REGTYPE
                    THEN d.for_others AND d.opcintype = 'text'::REGTYPE
                WHEN t.typtype = 'e' THEN d.for_others AND d.opcintype = 'anyenum'::REGTYPE
                WHEN t.typtype = 'b' AND t.typlen = -1 AND t.typelem <> 0
                    THEN d.for_others AND d.opcintype = 'anyarray'::REGTYPE
                ELSE FALSE
            END AS goes_without_saying,
            CASE
                WHEN NOT k.of_columns AND a.attstattarget >= 0
                    THEN a.attnum::TEXT || '=' || a.attstattarget::TEXT
            END AS target
        FROM keys AS k
        INNER JOIN pg_catalog.pg_attribute AS a
            ON k.relation = a.attrelid AND k.attribute = a.attnum
        LEFT JOIN pg_catalog.pg_type AS t ON k.of_columns AND a.atttypid = t.oid
        LEFT JOIN defaults AS d ON k.class = d.oid
        WHERE k.of_columns OR a.attstattarget >= 0
    ) AS p
    GROUP BY p.indexrelid
)

SELECT
    'pg_class'::REGCLASS::OID AS classid,
    i.indexrelid AS objid,
    0 AS objsubid,
    ARRAY[i.nspname::TEXT, i.relname::TEXT] AS name,
    i.indrelid AS under,
    d.head AS definition,
    CASE WHEN d.said THEN d.predicate END AS predicate,
    CASE
        WHEN i.reloptions IS NOT NULL
            THEN (SELECT array_agg(o.o ORDER BY o.o) FROM unnest(i.reloptions) AS o (o))
    END AS options,
    ts.spcname::TEXT AS tablespace,
    CASE WHEN i.relispartition THEN (
        SELECT ARRAY[pn.nspname::TEXT, px.relname::TEXT]
        FROM pg_catalog.pg_inherits AS h
        INNER JOIN pg_catalog.pg_class AS px ON h.inhparent = px.oid
        INNER JOIN pg_catalog.pg_namespace AS pn ON px.relnamespace = pn.oid
        WHERE h.inhrelid = i.indexrelid
    ) END AS attached,
    NOT i.indisvalid AS invalid,
    p.statistics
FROM indexes AS i
LEFT JOIN plain AS p ON i.indexrelid = p.indexrelid
LEFT JOIN pg_catalog.pg_tablespace AS ts ON i.reltablespace = ts.oid
CROSS JOIN
    LATERAL (
        -- Its options are stored in the order in which they were given: they stand on their own.
        SELECT
            t.predicate,
            t.text IS NULL
            OR (
                t.text LIKE '% WHERE %' AND RIGHT(t.text, LENGTH(t.predicate)) = t.predicate
            ) AS said,
            CASE
                WHEN t.text IS NULL
                    THEN
                        'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END
                        || 'INDEX ' || pg_catalog.quote_ident(i.relname)
                        || ' ON ' || CASE WHEN i.relkind = 'I' THEN 'ONLY ' ELSE '' END
                        || pg_catalog.quote_ident(i.nspname)
                        || '.' || pg_catalog.quote_ident(i.on_name)
                        || ' USING ' || i.amname || ' (' || p.keys || ')'
                        || CASE
                            WHEN i.nulls_not_distinct THEN ' NULLS NOT DISTINCT' ELSE ''
                        END
                WHEN i.reloptions IS NULL THEN hd.head
                ELSE REGEXP_REPLACE(hd.head, ' WITH [(][^()]*[)]$', '')
            END AS head
        FROM (
            SELECT
                CASE
                    WHEN p.is_plain THEN NULL ELSE pg_catalog.pg_get_indexdef(i.indexrelid)
                END AS text,
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
    ) AS d;

-- A row is an index that no constraint owns. One without a definition has keys: of the numbers of
-- columns and operator classes pg/composed.py makes what the server would say, which looks up each
-- of them, and the table, for every index. An expression that is one call of a function, and the
-- predicate, name columns like those of a stand-in where that is said.
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
        am.amname,
        f.is_plain,
        f.is_plain AND c.relnatts <= 20 AS stand_in,
        CASE
            WHEN f.is_plain AND c.relnatts <= 20 THEN 'pg_index'::REGCLASS ELSE i.indrelid
        END AS named_like
    -- Before 15 it is no column of pg_index.
    FROM (SELECT FALSE AS indnullsnotdistinct) AS older  -- noqa: ST11
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
                i.indexprs,
                i.indpred,
                indnullsnotdistinct AS nulls_not_distinct  -- noqa: RF03
            FROM pg_catalog.pg_index AS i
        ) AS i
    INNER JOIN pg_catalog.pg_class AS x ON i.indexrelid = x.oid
    INNER JOIN pg_catalog.pg_am AS am ON x.relam = am.oid
    INNER JOIN pg_catalog.pg_class AS c ON i.indrelid = c.oid
    INNER JOIN pg_catalog.pg_namespace AS n ON x.relnamespace = n.oid
    LEFT JOIN pg_catalog.pg_constraint AS own
        ON i.indexrelid = own.conindid AND own.contype IN ('p', 'u', 'x')
    CROSS JOIN
        LATERAL (  -- noqa: ST05
            -- The classes that may have parameters are of other access methods, or somebody's own.
            SELECT
                am.amname IN ('btree', 'hash', 'gin')
                -- plain:
                AND 16384 > ALL(i.indclass::OID[])
                AND '{0,100}' @> i.indcollation::OID[]
                AND (
                    i.indexprs IS NULL
                    OR (
                        cardinality(array_positions(i.indkey::SMALLINT[], 0::SMALLINT)) = 1
                        AND substr(i.indexprs::TEXT, 1, 180)
                        LIKE '({FUNCEXPR :funcid % :funcresulttype % :funcformat 0 :funccollid %'
                    )
                ) AS is_plain
            LIMIT 1  -- noqa: AM09
        ) AS f
    WHERE
        c.relkind IN ('r', 'p', 'm')
        AND c.relpersistence <> 't'
        AND c.oid >= 16384
        AND own.oid IS NULL
        -- only: i.indexrelid
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
    -- Those of expressions may have a statistics target, at the index's own columns.
    CASE
        WHEN i.indexprs IS NOT NULL
            THEN (
                SELECT array_agg(a.attnum::TEXT || '=' || a.attstattarget::TEXT ORDER BY a.attnum)
                FROM pg_catalog.pg_attribute AS a
                WHERE a.attrelid = i.indexrelid AND a.attnum > 0 AND a.attstattarget >= 0
            )
    END AS statistics,
    i.stand_in,
    CASE WHEN i.is_plain THEN i.indkey::TEXT END AS keys,
    CASE WHEN i.is_plain THEN i.indclass::TEXT END AS classes,
    CASE WHEN i.is_plain THEN i.indcollation::TEXT END AS collations,
    CASE WHEN i.is_plain THEN i.indoption::TEXT END AS directions,
    CASE WHEN i.is_plain THEN i.indnkeyatts::INTEGER END AS key_count,
    CASE WHEN i.is_plain THEN pg_catalog.pg_get_expr(i.indexprs, i.named_like) END AS expression,
    -- Its type is the fifth word of this, its collation the thirteenth.
    CASE
        WHEN i.is_plain AND i.indexprs IS NOT NULL THEN substr(i.indexprs::TEXT, 1, 180)
    END AS called,
    CASE
        WHEN i.is_plain
            THEN
                i.indisunique::INTEGER + 2 * i.nulls_not_distinct::INTEGER
                + 4 * (i.relkind = 'I')::INTEGER
    END AS rules,
    CASE WHEN i.is_plain THEN i.amname::TEXT END AS method,
    i.relname AS own_name
FROM indexes AS i
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
                WHEN i.reloptions IS NULL THEN hd.head
                ELSE REGEXP_REPLACE(hd.head, ' WITH [(][^()]*[)]$', '')
            END AS head
        FROM (
            SELECT
                CASE
                    WHEN NOT i.is_plain THEN pg_catalog.pg_get_indexdef(i.indexrelid)
                END AS text,
                pg_catalog.pg_get_expr(i.indpred, i.named_like) AS predicate
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

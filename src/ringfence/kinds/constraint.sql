-- A row is a constraint of a table: primary key, unique, check, foreign key or exclusion. Of those
-- that PostgreSQL makes for the partitions of a table that a foreign key refers to, there is none.
-- One without a definition has a key: pg/composed.py makes of the columns' numbers what the server
-- would say, which looks up every column for it. A check's columns are named like those of a
-- stand-in where that is said: its own table would have to be loaded.
SELECT
    'pg_constraint'::REGCLASS::OID AS classid,
    k.oid AS objid,
    0 AS objsubid,
    k.conrelid AS under,
    k.conname AS name,
    k.contype::TEXT AS type,
    CASE
        WHEN s.is_plain THEN NULL
        WHEN k.contype = 'x' AND x.reloptions IS NOT NULL
            THEN regexp_replace(pg_catalog.pg_get_constraintdef(k.oid), ' WITH [(][^()]*[)]', '')
        -- What the server's function says, without the table and the constraint being looked up.
        WHEN k.contype = 'c' AND k.convalidated
            THEN
                'CHECK ('
                || pg_catalog.pg_get_expr(
                    k.conbin, CASE WHEN s.stand_in THEN 'pg_index'::REGCLASS ELSE k.conrelid END
                )
                || ')'
                || CASE WHEN k.connoinherit THEN ' NO INHERIT' ELSE '' END
        ELSE pg_catalog.pg_get_constraintdef(k.oid)
    END AS definition,
    NOT k.conislocal AND NOT c.relispartition AS inherited,
    CASE
        WHEN k.contype = 'f' AND k.conparentid <> 0
            THEN (
                SELECT ARRAY[pn.nspname::TEXT, pc.relname::TEXT, pk.conname::TEXT]
                FROM pg_catalog.pg_constraint AS pk
                INNER JOIN pg_catalog.pg_class AS pc ON pk.conrelid = pc.oid
                INNER JOIN pg_catalog.pg_namespace AS pn ON pc.relnamespace = pn.oid
                WHERE pk.oid = k.conparentid
            )
        WHEN x.relispartition
            THEN (
                SELECT ARRAY[xn.nspname::TEXT, px.relname::TEXT]
                FROM pg_catalog.pg_inherits AS h
                INNER JOIN pg_catalog.pg_class AS px ON h.inhparent = px.oid
                INNER JOIN pg_catalog.pg_namespace AS xn ON px.relnamespace = xn.oid
                WHERE h.inhrelid = x.oid
            )
    END AS attached,
    CASE
        WHEN x.reloptions IS NOT NULL
            THEN (SELECT array_agg(o.o ORDER BY o.o) FROM unnest(x.reloptions) AS o (o))
    END AS index_options,
    ts.spcname::TEXT AS index_tablespace,
    s.stand_in,
    CASE k.contype
        WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' WHEN 'f' THEN 'FOREIGN KEY'
    END AS word,
    CASE WHEN s.is_plain THEN k.conkey::TEXT END AS key,
    CASE WHEN s.is_plain THEN NULLIF(k.confrelid, 0) END AS refers_to,
    CASE WHEN s.is_plain THEN k.confkey::TEXT END AS refers_key,
    CASE
        WHEN s.is_plain
            THEN
                k.condeferrable::INTEGER + 2 * k.condeferred::INTEGER
                + 4 * position(k.confmatchtype IN 'f')
                + 8 * position(k.confupdtype IN 'rcnd')
                + 64 * position(k.confdeltype IN 'rcnd')
    END AS rules
-- Neither is a column everywhere: the one came with 18, the other, of pg_index, with 15.
FROM (  -- noqa: ST11
    SELECT
        FALSE AS conperiod,
        FALSE AS indnullsnotdistinct
) AS older
CROSS JOIN
    LATERAL (
        SELECT
            k.*,
            conperiod AS of_period  -- noqa: RF03
        FROM pg_catalog.pg_constraint AS k
    ) AS k
INNER JOIN pg_catalog.pg_class AS c ON k.conrelid = c.oid
LEFT JOIN pg_catalog.pg_class AS x ON k.contype IN ('p', 'u', 'x') AND k.conindid = x.oid
LEFT JOIN
    LATERAL (
        SELECT
            i.indexrelid,
            indnullsnotdistinct AS nulls_not_distinct  -- noqa: RF03
        FROM pg_catalog.pg_index AS i
    ) AS i
    ON k.contype = 'u' AND k.conindid = i.indexrelid
LEFT JOIN pg_catalog.pg_tablespace AS ts ON x.reltablespace = ts.oid
CROSS JOIN
    LATERAL (  -- noqa: ST05
        SELECT
            k.convalidated AND NOT k.of_period
            -- plain:
            AND CASE k.contype
                WHEN 'f' THEN k.confdeltype NOT IN ('n', 'd')
                WHEN 'p' THEN x.relnatts = cardinality(k.conkey)
                WHEN 'u' THEN x.relnatts = cardinality(k.conkey) AND NOT i.nulls_not_distinct
                ELSE FALSE
            END AS is_plain,
            k.contype = 'c' AND k.convalidated AND c.relnatts <= 20
            -- plain:
            AND 0 < ALL(k.conkey) AS stand_in
        LIMIT 1  -- noqa: AM09
    ) AS s
WHERE
    k.contype IN ('p', 'u', 'c', 'f', 'x')
    AND (
        k.conparentid = 0 OR k.contype <> 'f'
        OR EXISTS (
            SELECT 1
            FROM pg_catalog.pg_constraint AS pk
            WHERE
                pk.oid = k.conparentid AND pk.conrelid <> k.conrelid AND pk.conname = k.conname
        )
    )
    AND c.relpersistence <> 't'
    AND c.oid >= 16384
    -- only: k.oid
ORDER BY k.conrelid, position(k.contype IN 'pucxf'), k.conname;

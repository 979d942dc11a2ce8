-- A row is a constraint of a table: primary key, unique, check, foreign key or exclusion. Of those
-- that PostgreSQL makes for the partitions of a table that a foreign key refers to, there is none.
SELECT
    'pg_constraint'::REGCLASS::OID AS classid,
    k.oid AS objid,
    0 AS objsubid,
    k.conrelid AS under,
    k.conname AS name,
    k.contype::TEXT AS type,
    CASE
        WHEN k.contype = 'x' AND x.reloptions IS NOT NULL
            THEN regexp_replace(pg_catalog.pg_get_constraintdef(k.oid), ' WITH [(][^()]*[)]', '')
        -- What the server's function says, without the table and the constraint being looked up.
        WHEN k.contype = 'c' AND k.convalidated
            THEN
                'CHECK (' || pg_catalog.pg_get_expr(k.conbin, k.conrelid) || ')'
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
    ts.spcname::TEXT AS index_tablespace
FROM pg_catalog.pg_constraint AS k
INNER JOIN pg_catalog.pg_class AS c ON k.conrelid = c.oid
LEFT JOIN pg_catalog.pg_class AS x ON k.contype IN ('p', 'u', 'x') AND k.conindid = x.oid
LEFT JOIN pg_catalog.pg_tablespace AS ts ON x.reltablespace = ts.oid
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
ORDER BY k.conrelid, position(k.contype IN 'pucxf'), k.conname;

-- A row is an index or a foreign key that can be dropped and made anew from its definition alone.
-- The parts of a partitioned index follow it, each with the index it is attached to. `table` is the
-- table that rows are written to: of a partition, the one on top.
WITH RECURSIVE pieces AS (
    SELECT
        i.indexrelid AS whole,
        i.indexrelid AS index,
        NULL::OID AS above,
        0 AS depth
    FROM pg_index AS i
    INNER JOIN pg_class AS c ON i.indexrelid = c.oid
    WHERE
        c.relnamespace
        <> ALL(ARRAY['pg_catalog', 'information_schema', 'pg_toast']::REGNAMESPACE[])
        AND NOT c.relispartition
        AND NOT i.indisunique
        AND NOT i.indisexclusion
    UNION ALL
    SELECT
        p.whole,
        h.inhrelid,
        h.inhparent,
        p.depth + 1
    FROM pieces AS p
    INNER JOIN pg_inherits AS h ON p.index = h.inhparent
),

-- What carries more than its definition says: a mark, a comment, a statistics target, a claim of an
-- extension; and what is not whole, or could not be again, for a foreign table has no part of it.
marked AS (
    SELECT DISTINCT p.whole
    FROM pieces AS p
    INNER JOIN pg_index AS i ON p.index = i.indexrelid
    WHERE
        i.indisclustered
        OR i.indisreplident
        OR NOT i.indisvalid
        OR EXISTS (
            SELECT FROM pg_description AS d
            WHERE d.classoid = 'pg_class'::REGCLASS AND d.objoid = p.index
        )
        OR EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE
                a.attrelid = p.index
                AND COALESCE((to_jsonb(a) ->> 'attstattarget')::INT, -1) <> -1
        )
        OR EXISTS (
            SELECT FROM pg_depend AS d
            WHERE
                d.classid = 'pg_class'::REGCLASS AND d.objid = p.index AND d.deptype IN ('e', 'x')
        )
        OR EXISTS (
            SELECT FROM pg_inherits AS h
            INNER JOIN pg_class AS c ON h.inhrelid = c.oid
            WHERE h.inhparent = i.indrelid AND c.relkind = 'f'
        )
),

links AS (
    SELECT
        k.oid AS whole,
        k.oid AS link
    FROM pg_constraint AS k
    WHERE k.contype = 'f' AND k.conparentid = 0
    UNION ALL
    SELECT
        l.whole,
        k.oid
    FROM links AS l
    INNER JOIN pg_constraint AS k ON l.link = k.conparentid
),

-- Of a partition the constraint is called what the one above it is, or it has a name of its own.
bound AS (
    SELECT DISTINCT l.whole
    FROM links AS l
    INNER JOIN pg_constraint AS k ON l.link = k.oid
    INNER JOIN pg_constraint AS w ON l.whole = w.oid
    WHERE
        NOT k.convalidated
        OR (k.conrelid <> w.conrelid AND k.confrelid = w.confrelid AND k.conname <> w.conname)
        OR EXISTS (
            SELECT FROM pg_description AS d
            WHERE d.classoid = 'pg_constraint'::REGCLASS AND d.objoid = k.oid
        )
        OR EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O')
)

SELECT
    COALESCE(pg_partition_root(i.indrelid), i.indrelid)::BIGINT AS "table",
    'index' AS kind,
    n.nspname AS schema,
    c.relname AS name,
    pg_get_indexdef(i.indexrelid) AS definition,
    m.nspname AS above_schema,
    a.relname AS above,
    p.whole::BIGINT AS whole,
    p.depth
FROM pieces AS p
INNER JOIN pg_index AS i ON p.index = i.indexrelid
INNER JOIN pg_class AS c ON i.indexrelid = c.oid
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_class AS a ON p.above = a.oid
LEFT JOIN pg_namespace AS m ON a.relnamespace = m.oid
WHERE NOT EXISTS (SELECT FROM marked AS x WHERE x.whole = p.whole)
UNION ALL
SELECT
    k.conrelid::BIGINT AS "table",
    'foreign key' AS kind,
    n.nspname AS schema,
    k.conname AS name,
    pg_get_constraintdef(k.oid) AS definition,
    NULL AS above_schema,
    NULL AS above,
    k.oid::BIGINT AS whole,
    0 AS depth
FROM pg_constraint AS k
INNER JOIN pg_namespace AS n ON k.connamespace = n.oid
INNER JOIN pg_class AS r ON k.conrelid = r.oid
WHERE
    k.contype = 'f'
    AND k.conparentid = 0
    AND NOT r.relispartition
    AND NOT EXISTS (SELECT FROM bound AS x WHERE x.whole = k.oid)
ORDER BY kind DESC, "table" ASC, whole ASC, depth ASC, schema ASC, name ASC;

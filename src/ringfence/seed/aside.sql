-- A row is an index or a foreign key that can be dropped and made anew from its definition alone.
SELECT
    i.indrelid::BIGINT AS "table",
    'index' AS kind,
    n.nspname AS schema,
    c.relname AS name,
    pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index AS i
INNER JOIN pg_class AS c ON i.indexrelid = c.oid
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE
    c.relnamespace <> ALL(ARRAY['pg_catalog', 'information_schema', 'pg_toast']::REGNAMESPACE[])
    AND c.relkind = 'i'
    AND NOT i.indisunique
    AND NOT i.indisexclusion
    AND NOT i.indisclustered
    AND NOT i.indisreplident
    AND i.indisvalid
    AND NOT EXISTS (
        SELECT FROM pg_description AS d
        WHERE d.classoid = 'pg_class'::REGCLASS AND d.objoid = i.indexrelid
    )
    AND NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE
            a.attrelid = i.indexrelid
            AND COALESCE((to_jsonb(a) ->> 'attstattarget')::INT, -1) <> -1
    )
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE
            d.classid = 'pg_class'::REGCLASS
            AND d.objid = i.indexrelid
            AND d.deptype IN ('e', 'x')
    )
UNION ALL
SELECT
    k.conrelid::BIGINT AS "table",
    'foreign key' AS kind,
    n.nspname AS schema,
    k.conname AS name,
    pg_get_constraintdef(k.oid) AS definition
FROM pg_constraint AS k
INNER JOIN pg_namespace AS n ON k.connamespace = n.oid
INNER JOIN pg_class AS r ON k.conrelid = r.oid
WHERE
    k.contype = 'f'
    AND k.convalidated
    AND k.conparentid = 0
    AND r.relkind = 'r'
    AND NOT EXISTS (
        SELECT FROM pg_description AS d
        WHERE d.classoid = 'pg_constraint'::REGCLASS AND d.objoid = k.oid
    )
    AND NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O'
    )
ORDER BY 2 DESC, 1, 4;

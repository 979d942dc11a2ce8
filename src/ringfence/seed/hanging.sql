-- A row is a foreign key, with what it compares: what may hang on rows that are to go. `child` and
-- `parent` are the tables on top, `child_table` and `parent_table` those that hold the key.
SELECT
    c.conname AS name,
    COALESCE(pg_partition_root(c.conrelid)::OID, c.conrelid)::BIGINT AS child,
    COALESCE(pg_partition_root(c.confrelid)::OID, c.confrelid)::BIGINT AS parent,
    ARRAY[n.nspname, r.relname]::TEXT[] AS child_table,
    r.relkind = 'p' AS child_partitioned,
    c.confrelid::BIGINT AS parent_table,
    c.confdeltype::TEXT AS on_delete,
    ARRAY(
        SELECT a.attname::TEXT
        FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, n)
        INNER JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND k.attnum = a.attnum
        ORDER BY k.n
    ) AS columns,
    ARRAY(
        SELECT a.attname::TEXT
        FROM unnest(c.confkey) WITH ORDINALITY AS k (attnum, n)
        INNER JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND k.attnum = a.attnum
        ORDER BY k.n
    ) AS target_columns,
    ARRAY(
        SELECT format('OPERATOR(%I.%s)', s.nspname, o.oprname)
        FROM unnest(c.conpfeqop) WITH ORDINALITY AS k (oid, n)
        INNER JOIN pg_operator AS o ON k.oid = o.oid
        INNER JOIN pg_namespace AS s ON o.oprnamespace = s.oid
        ORDER BY k.n
    ) AS operators
FROM pg_constraint AS c
INNER JOIN pg_class AS r ON c.conrelid = r.oid
INNER JOIN pg_namespace AS n ON r.relnamespace = n.oid
WHERE
    c.contype = 'f'
    AND c.conparentid = 0
    AND COALESCE((to_jsonb(c) ->> 'conenforced')::BOOLEAN, true)
    AND NOT COALESCE((to_jsonb(c) ->> 'conperiod')::BOOLEAN, false)
ORDER BY n.nspname, r.relname, c.conname, c.oid;

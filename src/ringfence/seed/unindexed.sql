-- A row is a foreign key that points to one of some tables ($1, those on top, by OID), from a table
-- of more than $2 bytes, where no index leads to the rows that point: whenever a row goes, the
-- server reads through `child_table`.
WITH links AS (
    SELECT
        c.oid,
        c.conrelid,
        c.conkey,
        c.conindid
    FROM pg_constraint AS c
    WHERE
        c.contype = 'f'
        AND c.conparentid = 0
        AND COALESCE(pg_partition_root(c.confrelid)::OID, c.confrelid) = ANY($1::OID[])
)

SELECT DISTINCT
    ARRAY[n.nspname, r.relname]::TEXT[] AS child_table,
    ARRAY(
        SELECT a.attname::TEXT
        FROM unnest(l.conkey) WITH ORDINALITY AS k (attnum, n)
        INNER JOIN pg_attribute AS a ON a.attrelid = l.conrelid AND k.attnum = a.attnum
        ORDER BY k.n
    ) AS columns
FROM links AS l
INNER JOIN pg_class AS r ON l.conrelid = r.oid
INNER JOIN pg_namespace AS n ON r.relnamespace = n.oid
WHERE
    (
        SELECT COALESCE(SUM(pg_relation_size(t.relid)), 0)
        FROM pg_partition_tree(l.conrelid) AS t
    ) + pg_relation_size(l.conrelid) > $2::BIGINT
    AND NOT EXISTS (
        SELECT FROM pg_index AS i
        INNER JOIN pg_class AS x ON i.indexrelid = x.oid
        INNER JOIN pg_am AS m ON x.relam = m.oid
        WHERE
            i.indrelid = l.conrelid
            AND i.indisvalid
            AND i.indpred IS NULL
            AND m.amname IN ('btree', 'hash')
            -- Its first columns are the foreign key's, in whatever order, or it is unique by some.
            AND CASE
                WHEN i.indisunique
                    THEN
                        (i.indkey::SMALLINT[])[0:i.indnkeyatts - 1] <@ l.conkey
                        OR (i.indkey::SMALLINT[])[0:cardinality(l.conkey) - 1] @> l.conkey
                ELSE (i.indkey::SMALLINT[])[0:cardinality(l.conkey) - 1] @> l.conkey
            END
    )
ORDER BY child_table, columns;

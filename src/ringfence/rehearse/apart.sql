-- What keeps rows of a table apart: unique keys and exclusion constraints, but those of partitions
-- that are part of a whole's. `elements` are columns and expressions, `column_names` the columns
-- that these and the predicate read; `definition` is that of an exclusion constraint.
SELECT
    n.nspname AS schema,
    c.relname AS name,
    ARRAY(
        SELECT COALESCE(QUOTE_IDENT(a.attname), PG_GET_INDEXDEF(i.indexrelid, k.place, TRUE))
        FROM GENERATE_SERIES(1, i.indnkeyatts) AS k (place)
        LEFT JOIN pg_attribute AS a
            ON
                i.indrelid = a.attrelid
                AND a.attnum = i.indkey[k.place - 1]
                AND a.attnum > 0
    ) AS elements,
    ARRAY(
        SELECT a.attname::TEXT FROM pg_attribute AS a
        WHERE
            a.attrelid = i.indrelid
            AND (
                a.attnum = ANY(i.indkey)
                OR EXISTS (
                    SELECT FROM pg_depend AS d
                    WHERE
                        d.classid = 'pg_class'::REGCLASS
                        AND d.objid = i.indexrelid
                        AND d.refobjid = i.indrelid
                        AND d.refobjsubid = a.attnum
                )
            )
    ) AS column_names,
    COALESCE(PG_GET_EXPR(i.indpred, i.indrelid), '') AS predicate,
    COALESCE((TO_JSONB(i) ->> 'indnullsnotdistinct')::BOOLEAN, FALSE) AS nulls_too,
    CASE
        WHEN i.indisexclusion
            THEN
                (
                    SELECT PG_GET_CONSTRAINTDEF(s.oid) FROM pg_constraint AS s
                    WHERE s.conindid = i.indexrelid AND s.contype = 'x'
                )
    END AS definition
FROM pg_index AS i
INNER JOIN pg_class AS c ON i.indrelid = c.oid
INNER JOIN pg_class AS x ON i.indexrelid = x.oid
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE
    (i.indisunique OR i.indisexclusion)
    AND c.relkind IN ('r', 'p')
    AND NOT x.relispartition
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname, elements;

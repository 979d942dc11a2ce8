-- What is demanded of the rows that a table holds, but their types and what keeps them apart: one
-- row a demand, and those of partitions not again. `made` is the OID of the constraint, 0 of what
-- is none; `numbers` are the columns that it reads; `what` says it as PostgreSQL does.
SELECT
    c.oid::BIGINT AS relation,
    0::BIGINT AS made,
    ARRAY[a.attnum::INTEGER] AS numbers,
    'NOT NULL (' || QUOTE_IDENT(a.attname) || ')' AS what
FROM pg_class AS c
INNER JOIN pg_attribute AS a ON c.oid = a.attrelid
INNER JOIN pg_type AS t ON a.atttypid = t.oid
WHERE
    c.relkind IN ('r', 'p')
    AND NOT c.relispartition
    AND a.attnum > 0
    AND (a.attnotnull OR t.typnotnull)
    AND NOT EXISTS (
        SELECT FROM pg_constraint AS s
        WHERE
            s.contype = 'n'
            AND s.conrelid = c.oid
            AND s.conkey = ARRAY[a.attnum]
            AND NOT s.convalidated
    )
UNION ALL
SELECT
    s.conrelid::BIGINT AS relation,
    s.oid::BIGINT AS made,
    COALESCE(s.conkey::INTEGER[], '{}') AS numbers,
    PG_GET_CONSTRAINTDEF(s.oid) AS what
FROM pg_constraint AS s
WHERE
    s.contype IN ('c', 'f')
    AND s.conrelid <> 0
    AND s.convalidated
    AND s.conparentid = 0
    AND s.coninhcount = 0
UNION ALL
SELECT
    a.attrelid::BIGINT AS relation,
    s.oid::BIGINT AS made,
    ARRAY[a.attnum::INTEGER] AS numbers,
    FORMAT(
        '%s of the domain %s (%I)',
        PG_GET_CONSTRAINTDEF(s.oid), s.contypid::REGTYPE, a.attname
    ) AS what
FROM pg_constraint AS s
INNER JOIN pg_attribute AS a ON s.contypid = a.atttypid
INNER JOIN pg_class AS c ON a.attrelid = c.oid
WHERE
    s.contype = 'c'
    AND s.contypid <> 0
    AND s.convalidated
    AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition
UNION ALL
SELECT
    c.oid::BIGINT AS relation,
    0::BIGINT AS made,
    '{}'::INTEGER[] AS numbers,
    'the bound ' || PG_GET_PARTITION_CONSTRAINTDEF(c.oid) AS what
FROM pg_class AS c
WHERE
    c.relispartition
    AND c.relkind = 'r'
    AND PG_GET_PARTITION_CONSTRAINTDEF(c.oid) IS NOT NULL;

-- What a database holds, without what came with PostgreSQL or with an extension.
-- A row is a kind of object in a schema, and how many of it there are there.
WITH member AS (
    SELECT
        classid,
        objid
    FROM pg_depend
    WHERE deptype = 'e'
),

own_schema AS (
    SELECT
        n.oid,
        n.nspname
    FROM pg_namespace AS n
    LEFT JOIN member AS m ON m.classid = CAST('pg_namespace' AS REGCLASS) AND n.oid = m.objid
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND m.objid IS NULL
),

relation AS (
    SELECT
        c.oid,
        c.relkind,
        c.relnamespace
    FROM pg_class AS c
    INNER JOIN own_schema AS s ON c.relnamespace = s.oid
    LEFT JOIN member AS m ON m.classid = CAST('pg_class' AS REGCLASS) AND c.oid = m.objid
    WHERE m.objid IS NULL
),

thing AS (
    SELECT
        1 AS place,
        'schema' AS kind,
        oid AS in_schema,
        CAST('pg_namespace' AS REGCLASS) AS classid,
        oid AS objid
    FROM own_schema
    WHERE nspname <> 'public'

    UNION ALL

    SELECT
        k.place,
        k.kind,
        r.relnamespace,
        'pg_class',
        r.oid
    FROM relation AS r
    INNER JOIN (
        VALUES
        ('r', 2, 'table'),
        ('p', 2, 'table'),
        ('f', 3, 'foreign table'),
        ('v', 4, 'view'),
        ('m', 5, 'materialized view')
    ) AS k (relkind, place, kind) ON r.relkind = CAST(k.relkind AS "char")

    UNION ALL

    -- An identity column's sequence is a part of the column, a serial column's hangs on it.
    SELECT
        6,
        'sequence',
        r.relnamespace,
        'pg_class',
        r.oid
    FROM relation AS r
    WHERE
        r.relkind = 'S'
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE
                d.objid = r.oid
                AND d.classid = CAST('pg_class' AS REGCLASS)
                AND d.deptype IN ('a', 'i')
        )

    UNION ALL

    -- What a constraint made is counted as the constraint, what hangs on a parent as the parent.
    SELECT
        7,
        'index',
        r.relnamespace,
        'pg_class',
        r.oid
    FROM relation AS r
    WHERE
        r.relkind IN ('i', 'I')
        AND NOT EXISTS (
            SELECT FROM pg_constraint AS c
            WHERE c.conindid = r.oid AND c.contype IN ('p', 'u', 'x')
        )
        AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = r.oid)

    UNION ALL

    SELECT
        k.place,
        k.kind,
        r.relnamespace,
        'pg_constraint',
        c.oid
    FROM pg_constraint AS c
    INNER JOIN relation AS r ON c.conrelid = r.oid
    INNER JOIN (
        VALUES
        ('p', 8, 'primary key'),
        ('f', 9, 'foreign key'),
        ('u', 10, 'unique constraint'),
        ('c', 11, 'check'),
        ('x', 12, 'exclusion constraint')
    ) AS k (contype, place, kind) ON c.contype = CAST(k.contype AS "char")
    WHERE c.conparentid = 0 AND c.coninhcount = 0

    UNION ALL

    SELECT
        13,
        'trigger',
        r.relnamespace,
        'pg_trigger',
        t.oid
    FROM pg_trigger AS t
    INNER JOIN relation AS r ON t.tgrelid = r.oid
    WHERE NOT t.tgisinternal AND t.tgparentid = 0

    UNION ALL

    SELECT
        14,
        'policy',
        r.relnamespace,
        'pg_policy',
        p.oid
    FROM pg_policy AS p
    INNER JOIN relation AS r ON p.polrelid = r.oid

    UNION ALL

    SELECT
        k.place,
        k.kind,
        p.pronamespace,
        'pg_proc',
        p.oid
    FROM pg_proc AS p
    INNER JOIN (
        VALUES
        ('f', 15, 'function'),
        ('w', 15, 'function'),
        ('p', 16, 'procedure'),
        ('a', 17, 'aggregate')
    ) AS k (prokind, place, kind) ON p.prokind = CAST(k.prokind AS "char")
    INNER JOIN own_schema AS s ON p.pronamespace = s.oid
    LEFT JOIN member AS m ON m.classid = CAST('pg_proc' AS REGCLASS) AND p.oid = m.objid
    WHERE m.objid IS NULL

    UNION ALL

    SELECT
        k.place,
        k.kind,
        t.typnamespace,
        'pg_type',
        t.oid
    FROM pg_type AS t
    INNER JOIN (
        VALUES
        ('e', 18, 'enum'),
        ('d', 19, 'domain'),
        ('r', 20, 'range type')
    ) AS k (typtype, place, kind) ON t.typtype = CAST(k.typtype AS "char")
    INNER JOIN own_schema AS s ON t.typnamespace = s.oid
    LEFT JOIN member AS m ON m.classid = CAST('pg_type' AS REGCLASS) AND t.oid = m.objid
    WHERE m.objid IS NULL
),

counted AS (
    SELECT
        place,
        kind,
        in_schema,
        COUNT(*) AS number
    FROM thing
    GROUP BY place, kind, in_schema

    UNION ALL

    -- A comment on a column is stored with its table.
    SELECT
        21,
        'comment',
        t.in_schema,
        COUNT(*)
    FROM pg_description AS d
    INNER JOIN thing AS t ON d.classoid = t.classid AND d.objoid = t.objid
    GROUP BY t.in_schema
)

SELECT
    c.kind,
    s.nspname AS in_schema,
    c.number
FROM counted AS c
INNER JOIN own_schema AS s ON c.in_schema = s.oid
ORDER BY c.place, c.kind, s.nspname;

-- A row is a type that a column's value is made of: its own, and those inside it.
WITH RECURSIVE used (oid) AS (
    SELECT a.atttypid
    FROM pg_attribute AS a
    INNER JOIN pg_class AS c ON a.attrelid = c.oid
    WHERE
        c.relkind IN ('r', 'p')
        AND c.relpersistence <> 't'
        AND c.relnamespace <> ALL(ARRAY['pg_catalog', 'information_schema']::REGNAMESPACE[])
        AND a.attnum > 0
        AND NOT a.attisdropped
    UNION
    SELECT inner_type.oid
    FROM used AS u
    INNER JOIN pg_type AS t ON u.oid = t.oid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype AS oid WHERE t.typtype = 'd'
        UNION ALL
        SELECT t.typelem AS oid WHERE t.typelem <> 0
        UNION ALL
        SELECT a.atttypid AS oid
        FROM pg_attribute AS a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.rngsubtype AS oid FROM pg_range AS r WHERE r.rngtypid = t.oid
        UNION ALL
        SELECT r.rngtypid AS oid FROM pg_range AS r WHERE r.rngmultitypid = t.oid
    ) AS inner_type
)

SELECT
    t.oid::BIGINT AS oid,
    t.typname AS name,
    n.nspname AS schema,
    -- With -1 as the modifier: CHARACTER and BIT without one mean a single character or bit.
    format_type(t.oid, -1) AS sql,
    t.typtype::TEXT AS kind,
    t.typcategory::TEXT AS category,
    CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE 0 END::BIGINT AS base,
    CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE '' END AS below,
    t.typtypmod AS typmod,
    t.typnotnull AS not_null,
    -- An array's own member; point, name and the vectors of the catalog have typelem as well.
    COALESCE((SELECT m.oid FROM pg_type AS m WHERE m.typarray = t.oid), 0)::BIGINT AS element,
    t.typdelim::TEXT AS delimiter,
    COALESCE(
        (SELECT r.rngsubtype FROM pg_range AS r WHERE r.rngtypid = t.oid),
        (SELECT r.rngtypid FROM pg_range AS r WHERE r.rngmultitypid = t.oid),
        0
    )::BIGINT AS subtype,
    ARRAY(
        SELECT e.enumlabel::TEXT
        FROM pg_enum AS e
        WHERE e.enumtypid = t.oid
        ORDER BY e.enumsortorder
    ) AS labels,
    ARRAY(
        SELECT a.attname::TEXT
        FROM pg_attribute AS a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    ) AS attributes,
    ARRAY(
        SELECT a.atttypid::BIGINT
        FROM pg_attribute AS a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    ) AS attribute_types,
    ARRAY(
        SELECT a.atttypmod
        FROM pg_attribute AS a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    ) AS attribute_typmods
FROM used AS u
INNER JOIN pg_type AS t ON u.oid = t.oid
INNER JOIN pg_namespace AS n ON t.typnamespace = n.oid
ORDER BY t.oid;

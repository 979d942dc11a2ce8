-- A row is the default of a column (a generated column's expression belongs to the column).
-- It has no columns in it, so it is deparsed without loading its table.
SELECT
    'pg_attrdef'::REGCLASS::OID AS classid,
    d.oid AS objid,
    0 AS objsubid,
    d.adrelid AS under,
    d.adnum::INTEGER AS under_part,
    pg_catalog.pg_get_expr(d.adbin, 0) AS expression
FROM pg_catalog.pg_attrdef AS d
WHERE
    d.adrelid >= 16384
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attgenerated <> '' AND a.attrelid = d.adrelid AND a.attnum = d.adnum
    );

-- Every column that a reader or a writer of before may name, relation by relation, in order.
-- `writable`: an INSERT may give it a value, of a view an UPDATE; `required`: not NULL; `filled`:
-- where it gives none, with `default_value`. `unlogged` and `checks` (a view's CHECK OPTION) are of
-- the relation.
SELECT
    c.oid::BIGINT AS oid,
    n.nspname AS schema,
    c.relname AS name,
    c.relkind::TEXT AS kind,
    a.attname AS column_name,
    FORMAT_TYPE(a.atttypid, a.atttypmod) AS type,
    CASE c.relkind
        WHEN 'v' THEN PG_COLUMN_IS_UPDATABLE(c.oid, a.attnum, TRUE)
        ELSE a.attgenerated = '' AND a.attidentity <> 'a'
    END AS writable,
    a.attnotnull AS required,
    a.atthasdef OR a.attidentity <> '' AS filled,
    a.attnum AS number,
    CASE WHEN a.attgenerated = '' THEN COALESCE(PG_GET_EXPR(d.adbin, d.adrelid), '') ELSE '' END
        AS default_value,
    c.relpersistence = 'u' AS unlogged,
    EXISTS (
        SELECT FROM PG_OPTIONS_TO_TABLE(c.reloptions) AS o WHERE o.option_name = 'check_option'
    ) AS checks
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_attribute AS a ON c.oid = a.attrelid
LEFT JOIN pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE
    c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND a.attnum > 0
    AND NOT a.attisdropped
ORDER BY c.oid, a.attnum;

-- A row is a trigger on rows or statements of a table that is at work; none of a foreign key.
SELECT
    t.tgrelid::BIGINT AS "table",
    t.tgname::TEXT AS name,
    array_remove(
        ARRAY[
            CASE WHEN t.tgtype & 4 <> 0 THEN 'INSERT' END,
            CASE WHEN t.tgtype & 8 <> 0 THEN 'DELETE' END,
            CASE WHEN t.tgtype & 16 <> 0 THEN 'UPDATE' END,
            CASE WHEN t.tgtype & 32 <> 0 THEN 'TRUNCATE' END
        ],
        NULL
    ) AS events,
    ARRAY(
        SELECT a.attname::TEXT FROM pg_attribute AS a
        WHERE a.attrelid = t.tgrelid AND a.attnum = ANY(t.tgattr)
    ) AS columns,
    pg_get_triggerdef(t.oid) || ' ' || f.prosrc AS text
FROM pg_trigger AS t
INNER JOIN pg_class AS c ON t.tgrelid = c.oid
INNER JOIN pg_proc AS f ON t.tgfoid = f.oid
WHERE
    NOT t.tgisinternal
    AND t.tgenabled IN ('O', 'A')
    AND t.tgparentid = 0
    AND c.relkind IN ('r', 'p')
ORDER BY c.relname, t.tgname;

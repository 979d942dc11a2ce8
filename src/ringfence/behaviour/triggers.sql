-- A row is a trigger on rows or statements of a table that is at work; none of a foreign key.
SELECT
    t.tgrelid::BIGINT AS "table",
    t.tgname AS name
FROM pg_trigger AS t
INNER JOIN pg_class AS c ON t.tgrelid = c.oid
WHERE
    NOT t.tgisinternal
    AND t.tgenabled IN ('O', 'A')
    AND t.tgparentid = 0
    AND c.relkind IN ('r', 'p')
ORDER BY c.relname, t.tgname;

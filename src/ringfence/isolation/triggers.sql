-- A row is a trigger that is at work on a table, or in place of a view, with what its function
-- does.
SELECT
    t.tgrelid::BIGINT AS relation,
    t.tgname::TEXT AS name,
    t.tgtype & 4 <> 0 AS on_insert,
    t.tgtype & 16 <> 0 AS on_update,
    t.tgnewtable IS NOT NULL AS whole,
    p.prosecdef AS definer,
    quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS function,
    l.lanname::TEXT AS language,
    p.prosrc AS body
FROM pg_trigger AS t
INNER JOIN pg_proc AS p ON t.tgfoid = p.oid
INNER JOIN pg_namespace AS n ON p.pronamespace = n.oid
INNER JOIN pg_language AS l ON p.prolang = l.oid
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled IN ('O', 'A')
ORDER BY t.tgrelid, t.tgname;

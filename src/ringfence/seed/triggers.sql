-- A row is a trigger that fires when a row is inserted, with the body of what it calls.
SELECT
    COALESCE(pg_partition_root(t.tgrelid)::OID, t.tgrelid)::BIGINT AS "table",
    t.tgname AS name,
    f.proname AS function,
    f.prosrc AS body,
    (t.tgtype & 2) <> 0 AND (t.tgtype & 1) <> 0 AS before_row
FROM pg_trigger AS t
INNER JOIN pg_proc AS f ON t.tgfoid = f.oid
WHERE
    NOT t.tgisinternal
    AND t.tgenabled <> 'D'
    AND (t.tgtype & 4) <> 0
ORDER BY 1, 2;

-- Every relation of a user's: where its rows lie (`file`, 0 without storage), whose index it is.
SELECT
    c.oid::BIGINT AS oid,
    n.nspname AS schema,
    c.relname AS name,
    c.relkind::TEXT AS kind,
    COALESCE(pg_relation_filenode(c.oid), 0)::BIGINT AS file,
    i.indrelid::BIGINT AS indexed
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_index AS i ON c.oid = i.indexrelid
WHERE
    c.relkind IN ('r', 'p', 'm', 'i', 'I', 'S', 'v', 'f')
    AND n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema');

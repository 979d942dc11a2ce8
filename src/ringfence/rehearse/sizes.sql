-- How large the tables of a database are: rows as last estimated (-1: never), bytes of the heap and
-- of the indexes.
SELECT
    n.nspname AS schema,
    c.relname AS name,
    c.reltuples::BIGINT AS estimated,
    PG_RELATION_SIZE(c.oid) AS heap,
    PG_INDEXES_SIZE(c.oid) AS indexes,
    (SELECT COUNT(*) FROM pg_index AS i WHERE i.indrelid = c.oid) AS index_count
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE
    c.relkind IN ('r', 'm')
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema';

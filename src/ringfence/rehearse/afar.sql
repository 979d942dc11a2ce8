-- Every relation that leads to another server: foreign tables, what has one below it as a partition
-- or heir, and views over any of these.
WITH RECURSIVE uses AS (
    SELECT
        i.inhparent AS relation,
        i.inhrelid AS used
    FROM pg_inherits AS i
    UNION
    SELECT
        r.ev_class AS relation,
        d.refobjid AS used
    FROM pg_rewrite AS r
    INNER JOIN pg_depend AS d ON r.oid = d.objid
    WHERE
        d.classid = 'pg_rewrite'::REGCLASS
        AND d.refclassid = 'pg_class'::REGCLASS
        AND d.refobjid <> r.ev_class
),

afar AS (
    SELECT c.oid
    FROM pg_class AS c
    WHERE c.relkind = 'f'
    UNION
    SELECT u.relation AS oid
    FROM afar AS a
    INNER JOIN uses AS u ON a.oid = u.used
)

SELECT
    n.nspname AS schema,
    c.relname AS name
FROM afar AS a
INNER JOIN pg_class AS c ON a.oid = c.oid
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE c.relkind <> 'm';

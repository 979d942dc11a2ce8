-- What roles may do with a relation that somebody granted them, or roles they belong to, something
-- of.
SELECT
    n.nspname AS schema,
    c.relname AS name,
    c.relkind::TEXT AS kind,
    r.rolname AS role,
    p.privilege
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS p (privilege)
INNER JOIN pg_roles AS r ON NOT r.rolsuper AND r.rolname !~ '^pg_' AND r.oid <> c.relowner
WHERE
    c.relkind IN ('r', 'p', 'v', 'm')
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND HAS_SCHEMA_PRIVILEGE(r.oid, n.oid, 'USAGE')
    AND CASE p.privilege
        WHEN 'DELETE' THEN HAS_TABLE_PRIVILEGE(r.oid, c.oid, p.privilege)
        ELSE HAS_ANY_COLUMN_PRIVILEGE(r.oid, c.oid, p.privilege)
    END
ORDER BY c.oid, r.rolname, p.privilege;

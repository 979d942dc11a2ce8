-- A row is a role that may insert into a table without owning it or standing above its policies.
SELECT DISTINCT
    c.oid::BIGINT AS "table",
    r.rolname AS role
FROM pg_class AS c
CROSS JOIN LATERAL aclexplode(c.relacl) AS a
INNER JOIN pg_roles AS r ON a.grantee = r.oid
WHERE
    c.relkind IN ('r', 'p')
    AND a.privilege_type = 'INSERT'
    AND a.grantee <> c.relowner
    AND NOT r.rolsuper
    AND NOT r.rolbypassrls
    AND r.rolname !~ '^pg_'
    AND has_schema_privilege(r.oid, c.relnamespace, 'USAGE')
ORDER BY 1, 2;

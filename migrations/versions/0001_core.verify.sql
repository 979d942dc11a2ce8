-- What holds after 0001. Each row returned is something that does not.

-- Roles: nobody logs in as the owner, and the application is bound by row level security.
SELECT
    rolname AS role_name,
    'superuser, may bypass row level security, or an owner that logs in' AS violation
FROM pg_roles
WHERE
    rolname IN ('app_owner', 'app_user')
    AND (rolsuper OR rolbypassrls OR (rolname = 'app_owner' AND rolcanlogin));

SELECT
    expected.role_name,
    'no such role' AS violation
FROM (VALUES ('app_owner'), ('app_user')) AS expected (role_name)
WHERE to_regrole(expected.role_name) IS NULL;

SELECT
    'app_user' AS role_name,
    'member of app_owner, so it owns what app_owner owns' AS violation
WHERE pg_has_role('app_user', 'app_owner', 'MEMBER');

-- Schemas and what lies in them belong to app_owner, and app_user may use them.
SELECT
    expected.schema_name,
    n.nspowner::REGROLE AS owner,
    'not owned by app_owner, or app_user has no USAGE' AS violation
FROM (VALUES ('core_tenants'), ('core_users'), ('core_catalogs')) AS expected (schema_name)
LEFT JOIN pg_namespace AS n ON expected.schema_name = n.nspname
WHERE
    n.nspowner IS DISTINCT FROM 'app_owner'::REGROLE
    OR NOT has_schema_privilege('app_user', expected.schema_name, 'USAGE');

SELECT
    c.oid::REGCLASS AS relation,
    c.relowner::REGROLE AS owner,
    'not owned by app_owner, or app_user may not read and write it' AS violation
FROM pg_class AS c
WHERE
    c.oid IN (
        'core_tenants.tenants'::REGCLASS,
        'core_users.users'::REGCLASS,
        'core_catalogs.contacts'::REGCLASS
    )
    AND (
        c.relowner <> 'app_owner'::REGROLE
        OR NOT has_table_privilege('app_user', c.oid, 'SELECT')
        OR NOT has_table_privilege('app_user', c.oid, 'INSERT')
        OR NOT has_table_privilege('app_user', c.oid, 'UPDATE')
        OR NOT has_table_privilege('app_user', c.oid, 'DELETE')
    );

-- The trigger function is there, is app_owner's, and stamps all three tables.
SELECT
    p.oid::REGPROCEDURE AS routine,
    p.proowner::REGROLE AS owner,
    'not owned by app_owner' AS violation
FROM pg_proc AS p
WHERE
    p.oid = 'public.update_updated_at_column()'::REGPROCEDURE
    AND p.proowner <> 'app_owner'::REGROLE;

SELECT
    expected.relation,
    'updated_at is not kept: no enabled trigger calls update_updated_at_column()' AS violation
FROM (
    VALUES
    ('core_tenants.tenants'::REGCLASS),
    ('core_users.users'::REGCLASS),
    ('core_catalogs.contacts'::REGCLASS)
) AS expected (relation)
WHERE
    NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE
            t.tgrelid = expected.relation
            AND t.tgfoid = 'public.update_updated_at_column()'::REGPROCEDURE
            AND t.tgenabled IN ('O', 'A')
    );

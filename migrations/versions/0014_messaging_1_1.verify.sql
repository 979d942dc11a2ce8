-- ringfence: supersedes: 0001 0002
-- What holds after 0014, which is messaging 1.1. Each row returned is something that does not.

-- Roles: nobody logs in as the owner, and the application is bound by row level security.
SELECT
    rolname AS role_name,
    'superuser, may bypass row level security, or an owner that logs in' AS violation
FROM pg_roles
WHERE
    rolname IN ('app_owner', 'app_user')
    AND (rolsuper OR rolbypassrls OR (rolname = 'app_owner' AND rolcanlogin));

SELECT
    'app_user' AS role_name,
    'member of app_owner, so it owns what app_owner owns' AS violation
WHERE pg_has_role('app_user', 'app_owner', 'MEMBER');

-- Every table is guarded, its owner bound as well, by its one policy.
SELECT
    expected.relation,
    p.qual,
    'row level security is off or not forced, or the policy is not that of 1.1' AS violation
FROM (
    VALUES
    ('core_tenants.tenants', 'tenants_tenant_isolation', 'id'),
    ('core_users.users', 'users_tenant_isolation', 'tenant_id'),
    ('core_catalogs.contacts', 'contacts_tenant_isolation', 'tenant_id'),
    ('messaging.whatsapp_accounts', 'whatsapp_accounts_tenant_isolation', 'tenant_id'),
    ('messaging.whatsapp_templates', 'whatsapp_templates_tenant_isolation', 'tenant_id'),
    ('messaging.whatsapp_conversations', 'whatsapp_conversations_tenant_isolation', 'tenant_id'),
    ('messaging.whatsapp_messages', 'whatsapp_messages_tenant_isolation', 'tenant_id'),
    ('messaging.chatbot_flows', 'chatbot_flows_tenant_isolation', 'tenant_id'),
    ('messaging.chatbot_nodes', 'chatbot_nodes_tenant_isolation', 'tenant_id'),
    ('messaging.chatbot_sessions', 'chatbot_sessions_tenant_isolation', 'tenant_id'),
    ('messaging.whatsapp_campaigns', 'whatsapp_campaigns_tenant_isolation', 'tenant_id')
) AS expected (relation, policy_name, column_name)
LEFT JOIN pg_class AS c ON to_regclass(expected.relation) = c.oid
LEFT JOIN pg_policies AS p
    ON
        expected.relation = p.schemaname || '.' || p.tablename
        AND expected.policy_name = p.policyname
WHERE
    (c.relrowsecurity AND c.relforcerowsecurity) IS DISTINCT FROM true
    OR p.policyname IS NULL
    OR p.permissive <> 'PERMISSIVE'
    OR p.cmd <> 'ALL'
    OR p.roles <> '{public}'
    OR p.with_check IS NOT NULL
    OR REGEXP_REPLACE(p.qual, '\s+', ' ', 'g') NOT IN (
        '(' || expected.column_name
        || ' = ( SELECT core_tenants.current_tenant_id() AS current_tenant_id))',
        '(' || expected.column_name
        || ' = (SELECT core_tenants.current_tenant_id() AS current_tenant_id))'
    );

-- A second permissive policy would let more rows through.
SELECT
    schemaname || '.' || tablename AS relation,
    policyname AS policy_name,
    qual,
    'not a policy of 1.1' AS violation
FROM pg_policies
WHERE
    schemaname || '.' || tablename IN (
        'messaging.whatsapp_accounts', 'messaging.whatsapp_templates',
        'messaging.whatsapp_conversations', 'messaging.whatsapp_messages',
        'messaging.chatbot_flows', 'messaging.chatbot_nodes', 'messaging.chatbot_sessions',
        'messaging.whatsapp_campaigns', 'core_tenants.tenants', 'core_users.users',
        'core_catalogs.contacts'
    )
    AND policyname <> tablename || '_tenant_isolation';

-- Views ask in the name of their reader, where the server can do that, and are read only.
SELECT
    c.oid::REGCLASS AS relation,
    'not security_invoker, or app_user may write through it' AS violation
FROM pg_class AS c
WHERE
    c.relnamespace = 'messaging'::REGNAMESPACE
    AND c.relkind = 'v'
    AND (
        (
            current_setting('server_version_num')::INT >= 150000
            AND NOT COALESCE('security_invoker=true' = ANY(c.reloptions), false)
        )
        OR has_table_privilege('app_user', c.oid, 'INSERT')
        OR has_table_privilege('app_user', c.oid, 'UPDATE')
        OR has_table_privilege('app_user', c.oid, 'DELETE')
        OR NOT has_table_privilege('app_user', c.oid, 'SELECT')
    );

-- The application can do its work, and nothing else: tenants it only reads.
SELECT
    c.oid::REGCLASS AS relation,
    wanted.privilege,
    'not granted to app_user, or granted and not meant' AS violation
FROM pg_class AS c
CROSS JOIN (
    VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')
) AS wanted (privilege)
WHERE
    c.oid::REGCLASS::TEXT IN (
        'messaging.whatsapp_accounts', 'messaging.whatsapp_templates',
        'messaging.whatsapp_conversations', 'messaging.whatsapp_messages',
        'messaging.chatbot_flows', 'messaging.chatbot_nodes', 'messaging.chatbot_sessions',
        'messaging.whatsapp_campaigns', 'core_tenants.tenants', 'core_users.users',
        'core_catalogs.contacts'
    )
    AND has_table_privilege('app_user', c.oid, wanted.privilege) <> (
        wanted.privilege = 'SELECT'
        OR (wanted.privilege <> 'TRUNCATE' AND c.relname <> 'tenants')
    );

SELECT
    n.nspname AS schema_name,
    n.nspowner::REGROLE AS owner,
    'not owned by app_owner, or app_user has no USAGE' AS violation
FROM pg_namespace AS n
WHERE
    n.nspname IN ('messaging', 'core_tenants', 'core_users', 'core_catalogs')
    AND (
        n.nspowner <> 'app_owner'::REGROLE OR NOT has_schema_privilege('app_user', n.oid, 'USAGE')
    );

SELECT
    c.oid::REGCLASS AS relation,
    c.relowner::REGROLE AS owner,
    'not owned by app_owner' AS violation
FROM pg_class AS c
WHERE
    c.relnamespace IN (
        'messaging'::REGNAMESPACE, 'core_tenants'::REGNAMESPACE,
        'core_users'::REGNAMESPACE, 'core_catalogs'::REGNAMESPACE
    )
    AND c.relowner <> 'app_owner'::REGROLE;

-- updated_at is kept wherever there is one.
SELECT
    a.attrelid::REGCLASS AS relation,
    'updated_at is not kept: no enabled trigger calls update_updated_at_column()' AS violation
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON a.attrelid = c.oid
WHERE
    a.attname = 'updated_at'
    AND c.relkind IN ('r', 'p')
    AND c.relnamespace IN (
        'messaging'::REGNAMESPACE, 'core_tenants'::REGNAMESPACE,
        'core_users'::REGNAMESPACE, 'core_catalogs'::REGNAMESPACE
    )
    AND NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE
            t.tgrelid = a.attrelid
            AND t.tgfoid = 'public.update_updated_at_column()'::REGPROCEDURE
            AND t.tgenabled IN ('O', 'A')
    );

SELECT
    i.indexrelid::REGCLASS AS index_name,
    'not valid' AS violation
FROM pg_index AS i
INNER JOIN pg_class AS c ON i.indexrelid = c.oid
WHERE c.relnamespace = 'messaging'::REGNAMESPACE AND NOT (i.indisvalid AND i.indisready);

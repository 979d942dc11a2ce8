-- What holds after 0002. Each row returned is something that does not.

-- All eight tables are there.
SELECT
    expected.relation,
    'no such table' AS violation
FROM (
    VALUES
    ('messaging.whatsapp_accounts'),
    ('messaging.whatsapp_templates'),
    ('messaging.whatsapp_conversations'),
    ('messaging.whatsapp_messages'),
    ('messaging.chatbot_flows'),
    ('messaging.chatbot_nodes'),
    ('messaging.chatbot_sessions'),
    ('messaging.whatsapp_campaigns')
) AS expected (relation)
WHERE to_regclass(expected.relation) IS NULL;

-- The three tables that carry a tenant_id are guarded, each by its policy and by no other: a
-- second permissive policy would let more rows through.
SELECT
    c.relname AS table_name,
    'row level security is off' AS violation
FROM pg_class AS c
WHERE
    c.relnamespace = 'messaging'::REGNAMESPACE
    AND c.relname IN ('whatsapp_accounts', 'chatbot_flows', 'whatsapp_campaigns')
    AND NOT c.relrowsecurity;

SELECT
    expected.table_name,
    expected.policy_name,
    p.qual,
    'no such policy, or not as in 1.0' AS violation
FROM (
    VALUES
    ('whatsapp_accounts', 'whatsapp_accounts_tenant_isolation'),
    ('chatbot_flows', 'chatbot_flows_tenant_isolation'),
    ('whatsapp_campaigns', 'whatsapp_campaigns_tenant_isolation')
) AS expected (table_name, policy_name)
LEFT JOIN pg_policies AS p
    ON
        p.schemaname = 'messaging'
        AND expected.table_name = p.tablename
        AND expected.policy_name = p.policyname
WHERE
    p.policyname IS NULL
    OR p.permissive <> 'PERMISSIVE'
    OR p.cmd <> 'ALL'
    OR p.roles <> '{public}'
    OR p.qual <> '(tenant_id = (current_setting(''app.tenant_id''::text))::uuid)'
    OR p.with_check IS NOT NULL;

SELECT
    tablename AS table_name,
    policyname AS policy_name,
    qual,
    'not a policy of 1.0' AS violation
FROM pg_policies
WHERE
    schemaname = 'messaging'
    AND policyname NOT IN (
        'whatsapp_accounts_tenant_isolation',
        'chatbot_flows_tenant_isolation',
        'whatsapp_campaigns_tenant_isolation'
    );

-- Row level security binds the application: it is neither superuser nor owner nor exempt.
SELECT
    rolname AS role_name,
    'superuser, or may bypass row level security' AS violation
FROM pg_roles
WHERE rolname = 'app_user' AND (rolsuper OR rolbypassrls);

SELECT
    'app_user' AS role_name,
    'member of app_owner, so it owns what app_owner owns' AS violation
WHERE pg_has_role('app_user', 'app_owner', 'MEMBER');

SELECT
    c.oid::REGCLASS AS relation,
    c.relowner::REGROLE AS owner,
    'not owned by app_owner' AS violation
FROM pg_class AS c
WHERE
    c.relnamespace = 'messaging'::REGNAMESPACE
    AND c.relowner <> 'app_owner'::REGROLE;

SELECT
    p.oid::REGPROCEDURE AS routine,
    p.proowner::REGROLE AS owner,
    'not owned by app_owner, or app_user may not call it' AS violation
FROM pg_proc AS p
WHERE
    p.pronamespace = 'messaging'::REGNAMESPACE
    AND (
        p.proowner <> 'app_owner'::REGROLE
        OR NOT has_function_privilege('app_user', p.oid, 'EXECUTE')
    );

-- The application can do its work.
SELECT
    'messaging' AS schema_name,
    'app_user has no USAGE' AS violation
WHERE NOT has_schema_privilege('app_user', 'messaging', 'USAGE');

SELECT
    c.oid::REGCLASS AS relation,
    wanted.privilege,
    'not granted to app_user' AS violation
FROM pg_class AS c
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS wanted (privilege)
WHERE
    c.relnamespace = 'messaging'::REGNAMESPACE
    AND c.relkind IN ('r', 'v')
    AND NOT has_table_privilege('app_user', c.oid, wanted.privilege);

-- updated_at is kept where 1.0 keeps it: whatsapp_campaigns has the column and no trigger.
SELECT
    expected.table_name,
    expected.trigger_name,
    'no such trigger, or it is off' AS violation
FROM (
    VALUES
    ('whatsapp_accounts', 'trg_whatsapp_accounts_updated_at'),
    ('whatsapp_templates', 'trg_whatsapp_templates_updated_at'),
    ('whatsapp_conversations', 'trg_whatsapp_conversations_updated_at'),
    ('chatbot_flows', 'trg_chatbot_flows_updated_at'),
    ('chatbot_nodes', 'trg_chatbot_nodes_updated_at')
) AS expected (table_name, trigger_name)
WHERE
    NOT EXISTS (
        SELECT FROM pg_trigger AS t
        INNER JOIN pg_class AS c ON t.tgrelid = c.oid
        WHERE
            c.relnamespace = 'messaging'::REGNAMESPACE
            AND c.relname = expected.table_name
            AND t.tgname = expected.trigger_name
            AND t.tgenabled IN ('O', 'A')
    );

-- What is declared is enforced: no constraint waits for its validation, no index for its build.
SELECT
    conrelid::REGCLASS AS relation,
    conname AS constraint_name,
    'not validated' AS violation
FROM pg_constraint
WHERE connamespace = 'messaging'::REGNAMESPACE AND NOT convalidated;

SELECT
    i.indexrelid::REGCLASS AS index_name,
    'not valid' AS violation
FROM pg_index AS i
INNER JOIN pg_class AS c ON i.indexrelid = c.oid
WHERE c.relnamespace = 'messaging'::REGNAMESPACE AND NOT (i.indisvalid AND i.indisready);

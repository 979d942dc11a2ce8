-- What holds after 0013. Each row returned is something that does not.
SELECT
    expected.relation,
    expected.trigger_name,
    'no such trigger, or it is off' AS violation
FROM (
    VALUES
    ('messaging.whatsapp_accounts', 'trg_whatsapp_accounts_created_by'),
    ('messaging.whatsapp_templates', 'trg_whatsapp_templates_created_by'),
    ('messaging.chatbot_flows', 'trg_chatbot_flows_created_by'),
    ('messaging.whatsapp_campaigns', 'trg_whatsapp_campaigns_created_by'),
    ('messaging.chatbot_flows', 'trg_chatbot_flows_accounts'),
    ('messaging.whatsapp_conversations', 'trg_whatsapp_conversations_session'),
    ('messaging.whatsapp_accounts', 'trg_whatsapp_accounts_forget'),
    ('messaging.chatbot_sessions', 'trg_chatbot_sessions_forget'),
    ('core_tenants.tenants', 'trg_tenants_forget'),
    ('messaging.whatsapp_campaigns', 'trg_whatsapp_campaigns_updated_at')
) AS expected (relation, trigger_name)
WHERE
    NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE
            t.tgrelid = to_regclass(expected.relation)
            AND t.tgname = expected.trigger_name
            AND t.tgenabled IN ('O', 'A')
    );

-- Every function belongs to app_owner, says where it looks for names, and is open to nobody
-- without a grant.
SELECT
    p.oid::REGPROCEDURE AS routine,
    p.proowner::REGROLE AS owner,
    'not owned by app_owner, or without a search_path, or open to everybody' AS violation
FROM pg_proc AS p
WHERE
    (
        p.pronamespace IN ('messaging'::REGNAMESPACE, 'core_tenants'::REGNAMESPACE)
        OR p.oid = 'public.update_updated_at_column()'::REGPROCEDURE
    )
    AND (
        p.proowner <> 'app_owner'::REGROLE
        OR NOT COALESCE(ARRAY_TO_STRING(p.proconfig, ',') LIKE '%search_path=%', false)
        OR p.proacl IS NULL
        OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0)
    );

SELECT
    expected.routine,
    'app_user may not call it' AS violation
FROM (
    VALUES
    ('core_tenants.current_tenant_id()'),
    ('messaging.process_incoming_message(UUID, VARCHAR, VARCHAR, VARCHAR, JSONB)'),
    ('messaging.is_window_open(UUID)'),
    ('messaging.normalize_number(VARCHAR)'),
    ('messaging.message_preview(VARCHAR, JSONB)')
) AS expected (routine)
WHERE NOT has_function_privilege('app_user', expected.routine, 'EXECUTE');

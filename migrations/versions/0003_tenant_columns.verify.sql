-- What holds after 0003. Each row returned is something that does not.

-- Who inserts without a tenant_id gets the parent's.
SELECT
    expected.relation,
    'tenant_id is not filled: no such trigger, or it is off' AS violation
FROM (
    VALUES
    ('messaging.whatsapp_templates', 'trg_whatsapp_templates_tenant'),
    ('messaging.whatsapp_conversations', 'trg_whatsapp_conversations_tenant'),
    ('messaging.whatsapp_messages', 'trg_whatsapp_messages_tenant'),
    ('messaging.chatbot_nodes', 'trg_chatbot_nodes_tenant'),
    ('messaging.chatbot_sessions', 'trg_chatbot_sessions_tenant')
) AS expected (relation, trigger_name)
WHERE
    NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE
            t.tgrelid = to_regclass(expected.relation)
            AND t.tgname = expected.trigger_name
            AND t.tgenabled IN ('O', 'A')
    );

-- The helper asks for the setting, and is nobody's but the application's to call.
SELECT
    p.oid::REGPROCEDURE AS routine,
    'not stable, or open to everybody, or app_user may not call it' AS violation
FROM pg_proc AS p
WHERE
    p.oid = 'core_tenants.current_tenant_id()'::REGPROCEDURE
    AND (
        p.provolatile <> 's'
        OR NOT has_function_privilege('app_user', p.oid, 'EXECUTE')
        OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0)
    );

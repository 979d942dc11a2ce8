-- What holds after 0010. Each row returned is something that does not.
SELECT
    expected.relation,
    expected.constraint_name,
    'no such constraint' AS violation
FROM (
    VALUES
    ('messaging.whatsapp_accounts', 'chk_whatsapp_accounts_limit'),
    ('messaging.whatsapp_templates', 'fk_whatsapp_templates_account'),
    ('messaging.whatsapp_templates', 'chk_whatsapp_templates_language'),
    ('messaging.whatsapp_templates', 'chk_whatsapp_templates_components'),
    ('messaging.whatsapp_conversations', 'fk_whatsapp_conversations_account'),
    ('messaging.whatsapp_conversations', 'fk_whatsapp_conversations_contact'),
    ('messaging.whatsapp_conversations', 'fk_whatsapp_conversations_assigned'),
    ('messaging.whatsapp_conversations', 'chk_whatsapp_conversations_unread'),
    ('messaging.whatsapp_conversations', 'chk_whatsapp_conversations_direction'),
    ('messaging.whatsapp_messages', 'fk_whatsapp_messages_conversation'),
    ('messaging.chatbot_flows', 'chk_chatbot_flows_config'),
    ('messaging.chatbot_flows', 'chk_chatbot_flows_sessions'),
    ('messaging.chatbot_nodes', 'fk_chatbot_nodes_flow'),
    ('messaging.chatbot_nodes', 'chk_chatbot_nodes_config'),
    ('messaging.chatbot_nodes', 'chk_chatbot_nodes_connections'),
    ('messaging.chatbot_nodes', 'chk_chatbot_nodes_position'),
    ('messaging.chatbot_sessions', 'fk_chatbot_sessions_conversation'),
    ('messaging.chatbot_sessions', 'fk_chatbot_sessions_flow'),
    ('messaging.chatbot_sessions', 'fk_chatbot_sessions_node'),
    ('messaging.chatbot_sessions', 'chk_chatbot_sessions_context'),
    ('messaging.chatbot_sessions', 'chk_chatbot_sessions_messages'),
    ('messaging.whatsapp_campaigns', 'fk_whatsapp_campaigns_account'),
    ('messaging.whatsapp_campaigns', 'fk_whatsapp_campaigns_template'),
    ('messaging.whatsapp_campaigns', 'chk_whatsapp_campaigns_params'),
    ('messaging.whatsapp_campaigns', 'chk_whatsapp_campaigns_config'),
    ('messaging.whatsapp_campaigns', 'chk_whatsapp_campaigns_counts'),
    ('messaging.whatsapp_campaigns', 'chk_whatsapp_campaigns_cost'),
    ('messaging.whatsapp_campaigns', 'chk_whatsapp_campaigns_currency')
) AS expected (relation, constraint_name)
WHERE
    NOT EXISTS (
        SELECT FROM pg_constraint AS c
        WHERE
            c.conrelid = to_regclass(expected.relation)
            AND c.conname = expected.constraint_name
    );

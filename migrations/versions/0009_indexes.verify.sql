-- What holds after 0009. Each row returned is something that does not.
SELECT
    expected.index_name,
    'no such index, or it is not valid' AS violation
FROM (
    VALUES
    ('core_users.uq_users_tenant'),
    ('core_catalogs.uq_contacts_tenant'),
    ('messaging.uq_whatsapp_accounts_tenant'),
    ('messaging.uq_whatsapp_templates_tenant'),
    ('messaging.uq_whatsapp_conversations_tenant'),
    ('messaging.uq_chatbot_flows_tenant'),
    ('messaging.uq_chatbot_nodes_tenant'),
    ('messaging.idx_whatsapp_conversations_by_account'),
    ('messaging.idx_whatsapp_conversations_by_contact'),
    ('messaging.idx_whatsapp_conversations_by_assigned'),
    ('messaging.idx_whatsapp_conversations_by_last_message'),
    ('messaging.idx_whatsapp_messages_by_conversation'),
    ('messaging.idx_whatsapp_messages_by_date'),
    ('messaging.idx_chatbot_sessions_by_conversation'),
    ('messaging.idx_chatbot_sessions_by_flow'),
    ('messaging.idx_whatsapp_campaigns_by_template')
) AS expected (index_name)
WHERE
    NOT EXISTS (
        SELECT FROM pg_index AS i
        WHERE i.indexrelid = to_regclass(expected.index_name) AND i.indisvalid AND i.indisready
    );

-- ringfence: transaction: none
-- 0009: the indexes of 1.1, built beside the work that goes on.

CREATE UNIQUE INDEX CONCURRENTLY uq_users_tenant
    ON core_users.users (tenant_id, id);

CREATE UNIQUE INDEX CONCURRENTLY uq_contacts_tenant
    ON core_catalogs.contacts (tenant_id, id);

CREATE UNIQUE INDEX CONCURRENTLY uq_whatsapp_accounts_tenant
    ON messaging.whatsapp_accounts (tenant_id, id);

CREATE UNIQUE INDEX CONCURRENTLY uq_whatsapp_templates_tenant
    ON messaging.whatsapp_templates (tenant_id, account_id, id);

CREATE UNIQUE INDEX CONCURRENTLY uq_whatsapp_conversations_tenant
    ON messaging.whatsapp_conversations (tenant_id, id);

CREATE UNIQUE INDEX CONCURRENTLY uq_chatbot_flows_tenant
    ON messaging.chatbot_flows (tenant_id, id);

CREATE UNIQUE INDEX CONCURRENTLY uq_chatbot_nodes_tenant
    ON messaging.chatbot_nodes (tenant_id, flow_id, id);

CREATE INDEX CONCURRENTLY idx_whatsapp_conversations_by_account
    ON messaging.whatsapp_conversations (tenant_id, account_id);

CREATE INDEX CONCURRENTLY idx_whatsapp_conversations_by_contact
    ON messaging.whatsapp_conversations (tenant_id, contact_id);

CREATE INDEX CONCURRENTLY idx_whatsapp_conversations_by_assigned
    ON messaging.whatsapp_conversations (tenant_id, assigned_user_id);

CREATE INDEX CONCURRENTLY idx_whatsapp_conversations_by_last_message
    ON messaging.whatsapp_conversations (tenant_id, last_message_at DESC NULLS LAST);

CREATE INDEX CONCURRENTLY idx_whatsapp_messages_by_conversation
    ON messaging.whatsapp_messages (conversation_id, tenant_id, created_at DESC);

CREATE INDEX CONCURRENTLY idx_whatsapp_messages_by_date
    ON messaging.whatsapp_messages (tenant_id, created_at DESC);

CREATE INDEX CONCURRENTLY idx_chatbot_sessions_by_conversation
    ON messaging.chatbot_sessions (tenant_id, conversation_id);

CREATE INDEX CONCURRENTLY idx_chatbot_sessions_by_flow
    ON messaging.chatbot_sessions (tenant_id, flow_id, current_node_id);

CREATE INDEX CONCURRENTLY idx_whatsapp_campaigns_by_template
    ON messaging.whatsapp_campaigns (tenant_id, account_id, template_id);

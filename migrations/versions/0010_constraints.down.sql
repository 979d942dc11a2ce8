-- ringfence: transaction: none
-- Undoes 0010.

ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_currency;
ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_cost;
ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_counts;
ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_config;
ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_params;
ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT fk_whatsapp_campaigns_template;
ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT fk_whatsapp_campaigns_account;
ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT chk_chatbot_sessions_messages;
ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT chk_chatbot_sessions_context;
ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT fk_chatbot_sessions_node;
ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT fk_chatbot_sessions_flow;
ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT fk_chatbot_sessions_conversation;
ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT chk_chatbot_nodes_position;
ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT chk_chatbot_nodes_connections;
ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT chk_chatbot_nodes_config;
ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT fk_chatbot_nodes_flow;
ALTER TABLE messaging.chatbot_flows DROP CONSTRAINT chk_chatbot_flows_sessions;
ALTER TABLE messaging.chatbot_flows DROP CONSTRAINT chk_chatbot_flows_config;
ALTER TABLE messaging.whatsapp_messages DROP CONSTRAINT fk_whatsapp_messages_conversation;
ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT chk_whatsapp_conversations_direction;
ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT chk_whatsapp_conversations_unread;
ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT fk_whatsapp_conversations_assigned;
ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT fk_whatsapp_conversations_contact;
ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT fk_whatsapp_conversations_account;
ALTER TABLE messaging.whatsapp_templates DROP CONSTRAINT chk_whatsapp_templates_components;
ALTER TABLE messaging.whatsapp_templates DROP CONSTRAINT chk_whatsapp_templates_language;
ALTER TABLE messaging.whatsapp_templates DROP CONSTRAINT fk_whatsapp_templates_account;
ALTER TABLE messaging.whatsapp_accounts DROP CONSTRAINT chk_whatsapp_accounts_limit;
ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT chk_chatbot_sessions_has_tenant;
ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT chk_chatbot_nodes_has_tenant;
ALTER TABLE messaging.whatsapp_messages DROP CONSTRAINT chk_whatsapp_messages_has_tenant;
ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT chk_whatsapp_conversations_has_tenant;
ALTER TABLE messaging.whatsapp_templates DROP CONSTRAINT chk_whatsapp_templates_has_tenant;

-- The index of a key goes with the key: it is built anew, for 0009 to drop.
ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT uq_chatbot_nodes_tenant;
CREATE UNIQUE INDEX CONCURRENTLY uq_chatbot_nodes_tenant
    ON messaging.chatbot_nodes (tenant_id, flow_id, id);
ALTER TABLE messaging.chatbot_flows DROP CONSTRAINT uq_chatbot_flows_tenant;
CREATE UNIQUE INDEX CONCURRENTLY uq_chatbot_flows_tenant
    ON messaging.chatbot_flows (tenant_id, id);
ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT uq_whatsapp_conversations_tenant;
CREATE UNIQUE INDEX CONCURRENTLY uq_whatsapp_conversations_tenant
    ON messaging.whatsapp_conversations (tenant_id, id);
ALTER TABLE messaging.whatsapp_templates DROP CONSTRAINT uq_whatsapp_templates_tenant;
CREATE UNIQUE INDEX CONCURRENTLY uq_whatsapp_templates_tenant
    ON messaging.whatsapp_templates (tenant_id, account_id, id);
ALTER TABLE messaging.whatsapp_accounts DROP CONSTRAINT uq_whatsapp_accounts_tenant;
CREATE UNIQUE INDEX CONCURRENTLY uq_whatsapp_accounts_tenant
    ON messaging.whatsapp_accounts (tenant_id, id);
ALTER TABLE core_catalogs.contacts DROP CONSTRAINT uq_contacts_tenant;
CREATE UNIQUE INDEX CONCURRENTLY uq_contacts_tenant
    ON core_catalogs.contacts (tenant_id, id);
ALTER TABLE core_users.users DROP CONSTRAINT uq_users_tenant;
CREATE UNIQUE INDEX CONCURRENTLY uq_users_tenant
    ON core_users.users (tenant_id, id);

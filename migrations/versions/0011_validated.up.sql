-- ringfence: transaction: none
-- 0011: the same for the rows that were there before, which reads them and keeps nobody waiting.

ALTER TABLE messaging.whatsapp_templates VALIDATE CONSTRAINT chk_whatsapp_templates_has_tenant;
-- The check that was validated spares it the reading.
ALTER TABLE messaging.whatsapp_templates ALTER COLUMN tenant_id SET NOT NULL;
ALTER TABLE messaging.whatsapp_templates DROP CONSTRAINT chk_whatsapp_templates_has_tenant;

ALTER TABLE messaging.whatsapp_conversations
    VALIDATE CONSTRAINT chk_whatsapp_conversations_has_tenant;
-- The check that was validated spares it the reading.
ALTER TABLE messaging.whatsapp_conversations ALTER COLUMN tenant_id SET NOT NULL;
ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT chk_whatsapp_conversations_has_tenant;

ALTER TABLE messaging.whatsapp_messages VALIDATE CONSTRAINT chk_whatsapp_messages_has_tenant;
-- The check that was validated spares it the reading.
ALTER TABLE messaging.whatsapp_messages ALTER COLUMN tenant_id SET NOT NULL;
ALTER TABLE messaging.whatsapp_messages DROP CONSTRAINT chk_whatsapp_messages_has_tenant;

ALTER TABLE messaging.chatbot_nodes VALIDATE CONSTRAINT chk_chatbot_nodes_has_tenant;
-- The check that was validated spares it the reading.
ALTER TABLE messaging.chatbot_nodes ALTER COLUMN tenant_id SET NOT NULL;
ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT chk_chatbot_nodes_has_tenant;

ALTER TABLE messaging.chatbot_sessions VALIDATE CONSTRAINT chk_chatbot_sessions_has_tenant;
-- The check that was validated spares it the reading.
ALTER TABLE messaging.chatbot_sessions ALTER COLUMN tenant_id SET NOT NULL;
ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT chk_chatbot_sessions_has_tenant;

ALTER TABLE messaging.whatsapp_accounts VALIDATE CONSTRAINT chk_whatsapp_accounts_limit;
ALTER TABLE messaging.whatsapp_templates VALIDATE CONSTRAINT fk_whatsapp_templates_account;
ALTER TABLE messaging.whatsapp_templates VALIDATE CONSTRAINT chk_whatsapp_templates_language;
ALTER TABLE messaging.whatsapp_templates VALIDATE CONSTRAINT chk_whatsapp_templates_components;
ALTER TABLE messaging.whatsapp_conversations VALIDATE CONSTRAINT fk_whatsapp_conversations_account;
ALTER TABLE messaging.whatsapp_conversations VALIDATE CONSTRAINT fk_whatsapp_conversations_contact;
ALTER TABLE messaging.whatsapp_conversations VALIDATE CONSTRAINT fk_whatsapp_conversations_assigned;
ALTER TABLE messaging.whatsapp_conversations VALIDATE CONSTRAINT chk_whatsapp_conversations_unread;
ALTER TABLE messaging.whatsapp_conversations
    VALIDATE CONSTRAINT chk_whatsapp_conversations_direction;
ALTER TABLE messaging.whatsapp_messages VALIDATE CONSTRAINT fk_whatsapp_messages_conversation;
ALTER TABLE messaging.chatbot_flows VALIDATE CONSTRAINT chk_chatbot_flows_config;
ALTER TABLE messaging.chatbot_flows VALIDATE CONSTRAINT chk_chatbot_flows_sessions;
ALTER TABLE messaging.chatbot_nodes VALIDATE CONSTRAINT fk_chatbot_nodes_flow;
ALTER TABLE messaging.chatbot_nodes VALIDATE CONSTRAINT chk_chatbot_nodes_config;
ALTER TABLE messaging.chatbot_nodes VALIDATE CONSTRAINT chk_chatbot_nodes_connections;
ALTER TABLE messaging.chatbot_nodes VALIDATE CONSTRAINT chk_chatbot_nodes_position;
ALTER TABLE messaging.chatbot_sessions VALIDATE CONSTRAINT fk_chatbot_sessions_conversation;
ALTER TABLE messaging.chatbot_sessions VALIDATE CONSTRAINT fk_chatbot_sessions_flow;
ALTER TABLE messaging.chatbot_sessions VALIDATE CONSTRAINT fk_chatbot_sessions_node;
ALTER TABLE messaging.chatbot_sessions VALIDATE CONSTRAINT chk_chatbot_sessions_context;
ALTER TABLE messaging.chatbot_sessions VALIDATE CONSTRAINT chk_chatbot_sessions_messages;
ALTER TABLE messaging.whatsapp_campaigns VALIDATE CONSTRAINT fk_whatsapp_campaigns_account;
ALTER TABLE messaging.whatsapp_campaigns VALIDATE CONSTRAINT fk_whatsapp_campaigns_template;
ALTER TABLE messaging.whatsapp_campaigns VALIDATE CONSTRAINT chk_whatsapp_campaigns_params;
ALTER TABLE messaging.whatsapp_campaigns VALIDATE CONSTRAINT chk_whatsapp_campaigns_config;
ALTER TABLE messaging.whatsapp_campaigns VALIDATE CONSTRAINT chk_whatsapp_campaigns_counts;
ALTER TABLE messaging.whatsapp_campaigns VALIDATE CONSTRAINT chk_whatsapp_campaigns_cost;
ALTER TABLE messaging.whatsapp_campaigns VALIDATE CONSTRAINT chk_whatsapp_campaigns_currency;

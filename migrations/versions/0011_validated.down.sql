-- ringfence: transaction: none
-- Undoes 0011: a constraint that was validated stays so, which says no less than 0010 does.

ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chk_chatbot_sessions_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.chatbot_sessions ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chk_chatbot_nodes_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.chatbot_nodes ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE messaging.whatsapp_messages
    ADD CONSTRAINT chk_whatsapp_messages_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.whatsapp_messages ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT chk_whatsapp_conversations_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.whatsapp_conversations ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT chk_whatsapp_templates_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.whatsapp_templates ALTER COLUMN tenant_id DROP NOT NULL;

-- Undoes 0003. What tenant_id says, each row's parent says as well.
DROP TRIGGER trg_chatbot_sessions_tenant ON messaging.chatbot_sessions;
ALTER TABLE messaging.chatbot_sessions DROP COLUMN tenant_id;

DROP TRIGGER trg_chatbot_nodes_tenant ON messaging.chatbot_nodes;
ALTER TABLE messaging.chatbot_nodes DROP COLUMN tenant_id;

DROP TRIGGER trg_whatsapp_messages_tenant ON messaging.whatsapp_messages;
ALTER TABLE messaging.whatsapp_messages DROP COLUMN tenant_id;

DROP TRIGGER trg_whatsapp_conversations_tenant ON messaging.whatsapp_conversations;
ALTER TABLE messaging.whatsapp_conversations DROP COLUMN tenant_id;

DROP TRIGGER trg_whatsapp_templates_tenant ON messaging.whatsapp_templates;
ALTER TABLE messaging.whatsapp_templates DROP COLUMN tenant_id;

DROP FUNCTION messaging.tenant_of_flow();
DROP FUNCTION messaging.tenant_of_conversation();
DROP FUNCTION messaging.tenant_of_account();
DROP FUNCTION core_tenants.current_tenant_id();

-- Undoes 0002, rows and all. One by one and without CASCADE: something made later that hangs on
-- one of these stops the down, it is not swept away.
DROP VIEW messaging.vw_whatsapp_metrics;
DROP VIEW messaging.vw_inbox;

DROP FUNCTION messaging.is_window_open(UUID);
DROP FUNCTION messaging.process_incoming_message(UUID, VARCHAR, VARCHAR, VARCHAR, JSONB);

DROP TABLE messaging.whatsapp_campaigns;
DROP TABLE messaging.chatbot_sessions;
DROP TABLE messaging.chatbot_nodes;
DROP TABLE messaging.chatbot_flows;
DROP TABLE messaging.whatsapp_messages;
DROP TABLE messaging.whatsapp_conversations;
DROP TABLE messaging.whatsapp_templates;
DROP TABLE messaging.whatsapp_accounts;

DROP SCHEMA messaging;

-- Undoes p001.
ALTER TABLE messaging.whatsapp_messages DROP CONSTRAINT chk_whatsapp_messages_first;
DROP TRIGGER trg_whatsapp_messages_keys_forgotten ON messaging.whatsapp_messages;
DROP TRIGGER trg_whatsapp_messages_key_changed ON messaging.whatsapp_messages;
DROP TRIGGER trg_whatsapp_messages_key ON messaging.whatsapp_messages;
DROP FUNCTION messaging.forget_message_keys();
DROP FUNCTION messaging.keep_message_key();
DROP TABLE messaging.whatsapp_message_keys;
ALTER TABLE messaging.whatsapp_messages FORCE ROW LEVEL SECURITY;

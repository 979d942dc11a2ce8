-- ringfence: transaction: none
-- Undoes p006.

CREATE UNIQUE INDEX CONCURRENTLY uq_whatsapp_messages_id
    ON messaging.whatsapp_messages_first (id);

CREATE UNIQUE INDEX CONCURRENTLY uq_whatsapp_messages_first
    ON messaging.whatsapp_messages_first (conversation_id, wa_message_id);

ALTER TABLE messaging.whatsapp_messages_first
    ADD CONSTRAINT uq_whatsapp_messages_first UNIQUE USING INDEX uq_whatsapp_messages_first;

-- ringfence: transaction: none
-- Undoes p004.

DROP INDEX CONCURRENTLY messaging.pk_whatsapp_messages_first;
DROP INDEX CONCURRENTLY messaging.uq_whatsapp_messages_id;

-- ringfence: transaction: none
-- ringfence: phase: contract
-- p006: what the table of keys keeps apart, the first partition need not keep apart as well.

ALTER TABLE messaging.whatsapp_messages_first DROP CONSTRAINT uq_whatsapp_messages_first;
DROP INDEX CONCURRENTLY messaging.uq_whatsapp_messages_id;

-- ringfence: transaction: none
-- p004: beside the work that goes on, all that p005 would else build or read under its lock; and
-- what its way back would.

CREATE UNIQUE INDEX CONCURRENTLY uq_whatsapp_messages_id
    ON messaging.whatsapp_messages (id);

CREATE UNIQUE INDEX CONCURRENTLY pk_whatsapp_messages_first
    ON messaging.whatsapp_messages (id, created_at);

ALTER TABLE messaging.whatsapp_messages VALIDATE CONSTRAINT chk_whatsapp_messages_first;

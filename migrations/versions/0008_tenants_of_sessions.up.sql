-- ringfence: backfill key=id batch=200ms
-- 0008: the tenant of every row that was there before 0003, a little at a time.
UPDATE messaging.chatbot_sessions AS t
SET tenant_id = c.tenant_id
FROM messaging.whatsapp_conversations AS c
WHERE c.id = t.conversation_id AND t.tenant_id IS NULL;

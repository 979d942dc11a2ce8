-- ringfence: backfill key=id batch=200ms
-- p002: the keys of the messages that were there before p001, a little at a time. A message that is
-- locked here cannot go before its key is there for the trigger to find.
INSERT INTO messaging.whatsapp_message_keys (tenant_id, message_id, conversation_id, wa_message_id)
SELECT
    m.tenant_id,
    m.id,
    m.conversation_id,
    m.wa_message_id
FROM messaging.whatsapp_messages AS m
FOR KEY SHARE
ON CONFLICT (tenant_id, message_id) DO NOTHING;

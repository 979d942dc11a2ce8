-- ringfence: backfill key=id batch=200ms
-- 0007: the tenant of every row that was there before 0003, a little at a time.
UPDATE messaging.chatbot_nodes AS t
SET tenant_id = f.tenant_id
FROM messaging.chatbot_flows AS f
WHERE f.id = t.flow_id AND t.tenant_id IS NULL;

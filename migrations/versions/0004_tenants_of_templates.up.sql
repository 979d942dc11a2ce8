-- ringfence: backfill key=id batch=200ms
-- 0004: the tenant of every row that was there before 0003, a little at a time.
UPDATE messaging.whatsapp_templates AS t
SET tenant_id = a.tenant_id
FROM messaging.whatsapp_accounts AS a
WHERE a.id = t.account_id AND t.tenant_id IS NULL;

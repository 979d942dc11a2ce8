-- What holds after 0006. Each row returned is something that does not.
SELECT
    COUNT(*) AS rows_without_tenant,
    'messaging.whatsapp_messages has rows that belong to no tenant' AS violation
FROM messaging.whatsapp_messages
WHERE tenant_id IS NULL
HAVING COUNT(*) > 0;

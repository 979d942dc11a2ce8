-- What holds after 0007. Each row returned is something that does not.
SELECT
    COUNT(*) AS rows_without_tenant,
    'messaging.chatbot_nodes has rows that belong to no tenant' AS violation
FROM messaging.chatbot_nodes
WHERE tenant_id IS NULL
HAVING COUNT(*) > 0;

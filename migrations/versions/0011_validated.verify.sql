-- What holds after 0011. Each row returned is something that does not.
SELECT
    conrelid::REGCLASS AS relation,
    conname AS constraint_name,
    'not validated' AS violation
FROM pg_constraint
WHERE connamespace = 'messaging'::REGNAMESPACE AND NOT convalidated;

SELECT
    expected.relation,
    'tenant_id may be NULL' AS violation
FROM (
    VALUES
    ('messaging.whatsapp_templates'),
    ('messaging.whatsapp_conversations'),
    ('messaging.whatsapp_messages'),
    ('messaging.chatbot_nodes'),
    ('messaging.chatbot_sessions')
) AS expected (relation)
LEFT JOIN pg_attribute AS a
    ON to_regclass(expected.relation) = a.attrelid AND a.attname = 'tenant_id'
WHERE a.attnotnull IS DISTINCT FROM true;

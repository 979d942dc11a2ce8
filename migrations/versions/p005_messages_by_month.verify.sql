-- What holds after p005. Each row returned is something that does not.

SELECT
    'messaging.whatsapp_messages' AS relation,
    'not partitioned by created_at' AS violation
WHERE
    NOT EXISTS (
        SELECT FROM pg_class AS c
        WHERE
            c.oid = to_regclass('messaging.whatsapp_messages')
            AND pg_get_partkeydef(c.oid) = 'RANGE (created_at)'
    );

-- Who asks a partition is bound as who asks the whole; and the application asks none of them.
SELECT
    c.oid::REGCLASS AS relation,
    'a partition without row level security of its own, or open to app_user' AS violation
FROM pg_inherits AS i
INNER JOIN pg_class AS c ON i.inhrelid = c.oid
WHERE
    i.inhparent = to_regclass('messaging.whatsapp_messages')
    AND (
        NOT (c.relrowsecurity AND c.relforcerowsecurity)
        OR has_table_privilege('app_user', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
        OR NOT EXISTS (
            SELECT FROM pg_policy AS p
            WHERE p.polrelid = c.oid AND p.polname = 'whatsapp_messages_tenant_isolation'
        )
    );

-- Only the triggers write the keys, and the owner is bound as well.
SELECT
    c.oid::REGCLASS AS relation,
    'not forced, or written by app_user' AS violation
FROM pg_class AS c
WHERE
    c.oid = to_regclass('messaging.whatsapp_message_keys')
    AND (
        NOT (c.relrowsecurity AND c.relforcerowsecurity)
        OR has_table_privilege('app_user', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    );

-- Bandeja de entrada: conversaciones abiertas, la mas reciente primero.
CREATE VIEW messaging.vw_inbox AS
SELECT
    c.id,
    c.account_id,
    wa.phone_number AS account_phone,
    c.contact_id,
    ct.name AS contact_name,
    ct.whatsapp_number AS contact_phone,
    c.assigned_user_id,
    u.full_name AS assigned_user_name,
    c.status,
    c.unread_count,
    COALESCE(c.is_window_open AND c.window_expires_at >= NOW(), false) AS is_window_open,
    c.window_expires_at,
    c.last_message_at,
    c.last_message_preview,
    c.last_message_direction,
    c.chatbot_active,
    c.tags,
    c.created_at
FROM messaging.whatsapp_conversations AS c
INNER JOIN messaging.whatsapp_accounts AS wa ON wa.id = c.account_id
LEFT JOIN core_catalogs.contacts AS ct ON ct.id = c.contact_id
LEFT JOIN core_users.users AS u ON u.id = c.assigned_user_id
WHERE c.status NOT IN ('closed', 'spam')
ORDER BY c.last_message_at DESC NULLS LAST;

ALTER VIEW messaging.vw_inbox OWNER TO app_owner;

-- Whoever asks is bound by the policies of the tables below. PostgreSQL 14 has no such option:
-- there the view asks as app_owner, whom the policies bind as well.
DO $$
BEGIN
    IF current_setting('server_version_num')::INT >= 150000 THEN
        EXECUTE 'ALTER VIEW messaging.vw_inbox SET (security_invoker = true)';
    END IF;
END;
$$;

GRANT SELECT ON messaging.vw_inbox TO app_user;

-- Actividad de cada cuenta activa en los ultimos 30 dias.
CREATE VIEW messaging.vw_whatsapp_metrics AS
SELECT
    wa.tenant_id,
    wa.id AS account_id,
    wa.phone_number,
    wa.display_name,
    wa.quality_rating,
    (
        SELECT COUNT(*) FROM messaging.whatsapp_conversations AS c
        WHERE c.account_id = wa.id AND c.created_at > CURRENT_DATE - 30
    ) AS conversations_30d,
    (
        SELECT COUNT(*) FROM messaging.whatsapp_messages AS m
        INNER JOIN messaging.whatsapp_conversations AS c ON c.id = m.conversation_id
        WHERE
            c.account_id = wa.id AND m.direction = 'outbound'
            AND m.created_at > CURRENT_DATE - 30
    ) AS messages_sent_30d,
    (
        SELECT COUNT(*) FROM messaging.whatsapp_messages AS m
        INNER JOIN messaging.whatsapp_conversations AS c ON c.id = m.conversation_id
        WHERE
            c.account_id = wa.id AND m.direction = 'inbound'
            AND m.created_at > CURRENT_DATE - 30
    ) AS messages_received_30d,
    (
        SELECT COUNT(*) FROM messaging.whatsapp_conversations AS c
        WHERE c.account_id = wa.id AND c.status = 'open'
    ) AS open_conversations
FROM messaging.whatsapp_accounts AS wa
WHERE wa.is_active = true;

ALTER VIEW messaging.vw_whatsapp_metrics OWNER TO app_owner;

-- Whoever asks is bound by the policies of the tables below. PostgreSQL 14 has no such option:
-- there the view asks as app_owner, whom the policies bind as well.
DO $$
BEGIN
    IF current_setting('server_version_num')::INT >= 150000 THEN
        EXECUTE 'ALTER VIEW messaging.vw_whatsapp_metrics SET (security_invoker = true)';
    END IF;
END;
$$;

GRANT SELECT ON messaging.vw_whatsapp_metrics TO app_user;

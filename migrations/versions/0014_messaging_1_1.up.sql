-- ringfence: transaction: none
-- 0014: every table keeps its tenants apart, from its owner too; views show what their reader may
-- see; the application may do what it does. Each table its policy first, then row security.

CREATE POLICY tenants_tenant_isolation ON core_tenants.tenants
    FOR ALL
    USING (id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE core_tenants.tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY users_tenant_isolation ON core_users.users
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE core_users.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY contacts_tenant_isolation ON core_catalogs.contacts
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE core_catalogs.contacts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER POLICY whatsapp_accounts_tenant_isolation ON messaging.whatsapp_accounts
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE messaging.whatsapp_accounts FORCE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_templates_tenant_isolation ON messaging.whatsapp_templates
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE messaging.whatsapp_templates ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_conversations_tenant_isolation ON messaging.whatsapp_conversations
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE messaging.whatsapp_conversations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_messages_tenant_isolation ON messaging.whatsapp_messages
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE messaging.whatsapp_messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER POLICY chatbot_flows_tenant_isolation ON messaging.chatbot_flows
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE messaging.chatbot_flows FORCE ROW LEVEL SECURITY;

CREATE POLICY chatbot_nodes_tenant_isolation ON messaging.chatbot_nodes
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE messaging.chatbot_nodes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY chatbot_sessions_tenant_isolation ON messaging.chatbot_sessions
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE messaging.chatbot_sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER POLICY whatsapp_campaigns_tenant_isolation ON messaging.whatsapp_campaigns
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));
ALTER TABLE messaging.whatsapp_campaigns FORCE ROW LEVEL SECURITY;

-- The flag of a window that has expired is not shown any more.
CREATE OR REPLACE VIEW messaging.vw_inbox AS
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

-- PostgreSQL 14 has no such option: there the views ask as app_owner, whom the policies bind as
-- well.
DO $$
BEGIN
    IF current_setting('server_version_num')::INT >= 150000 THEN
        EXECUTE 'ALTER VIEW messaging.vw_inbox SET (security_invoker = true)';
        EXECUTE 'ALTER VIEW messaging.vw_whatsapp_metrics SET (security_invoker = true)';
    END IF;
END;
$$;

-- ringfence: ignore M044 because no application writes through the inbox
REVOKE INSERT, UPDATE, DELETE ON messaging.vw_inbox FROM app_user;
-- ringfence: ignore M044 because no application writes through the metrics
REVOKE INSERT, UPDATE, DELETE ON messaging.vw_whatsapp_metrics FROM app_user;
-- Tenants come and go by another hand than the application's.
-- ringfence: ignore M044 because the application makes no tenants
REVOKE INSERT, UPDATE, DELETE ON core_tenants.tenants FROM app_user;

COMMENT ON COLUMN messaging.chatbot_flows.trigger_type
    IS 'Cuando se activa: keyword, first_message, menu_option, always, scheduled, manual';
COMMENT ON COLUMN messaging.whatsapp_accounts.quality_rating
    IS 'Calidad de la cuenta: unknown, green, yellow, red';

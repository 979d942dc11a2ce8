-- ringfence: transaction: none
-- Undoes 0014.

COMMENT ON COLUMN messaging.whatsapp_accounts.quality_rating
    IS 'Calidad de la cuenta: green, yellow, red';
COMMENT ON COLUMN messaging.chatbot_flows.trigger_type
    IS 'Cuando se activa: keyword, first_message, menu_option, always';

GRANT INSERT, UPDATE, DELETE ON core_tenants.tenants TO app_user;
GRANT INSERT, UPDATE, DELETE ON messaging.vw_whatsapp_metrics TO app_user;
GRANT INSERT, UPDATE, DELETE ON messaging.vw_inbox TO app_user;

ALTER VIEW messaging.vw_whatsapp_metrics RESET (security_invoker);
ALTER VIEW messaging.vw_inbox RESET (security_invoker);
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
    c.is_window_open,
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

ALTER TABLE messaging.whatsapp_campaigns NO FORCE ROW LEVEL SECURITY;
ALTER POLICY whatsapp_campaigns_tenant_isolation ON messaging.whatsapp_campaigns
    USING (tenant_id = current_setting('app.tenant_id')::UUID);

ALTER TABLE messaging.chatbot_sessions NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY chatbot_sessions_tenant_isolation ON messaging.chatbot_sessions;

ALTER TABLE messaging.chatbot_nodes NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY chatbot_nodes_tenant_isolation ON messaging.chatbot_nodes;

ALTER TABLE messaging.chatbot_flows NO FORCE ROW LEVEL SECURITY;
ALTER POLICY chatbot_flows_tenant_isolation ON messaging.chatbot_flows
    USING (tenant_id = current_setting('app.tenant_id')::UUID);

ALTER TABLE messaging.whatsapp_messages NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY whatsapp_messages_tenant_isolation ON messaging.whatsapp_messages;

ALTER TABLE messaging.whatsapp_conversations
    NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY whatsapp_conversations_tenant_isolation ON messaging.whatsapp_conversations;

ALTER TABLE messaging.whatsapp_templates NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY whatsapp_templates_tenant_isolation ON messaging.whatsapp_templates;

ALTER TABLE messaging.whatsapp_accounts NO FORCE ROW LEVEL SECURITY;
ALTER POLICY whatsapp_accounts_tenant_isolation ON messaging.whatsapp_accounts
    USING (tenant_id = current_setting('app.tenant_id')::UUID);

ALTER TABLE core_catalogs.contacts NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY contacts_tenant_isolation ON core_catalogs.contacts;

ALTER TABLE core_users.users NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY users_tenant_isolation ON core_users.users;

ALTER TABLE core_tenants.tenants NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY tenants_tenant_isolation ON core_tenants.tenants;

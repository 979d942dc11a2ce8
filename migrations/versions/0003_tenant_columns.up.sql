-- 0003: the first step to messaging 1.1: every table gets a tenant_id.

-- What 1.1 does not accept any more, and 1.0 did. It is told now, all of it, before anything has
-- changed: which of two tenants a row belongs to, only its people know.
DO $$
DECLARE
    v_found TEXT;
BEGIN
    SELECT string_agg(what.rows || ' ' || what.said, E'\n' ORDER BY what.said) INTO v_found
    FROM (
        SELECT COUNT(*) AS rows, 'conversations with a contact of another tenant' AS said
        FROM messaging.whatsapp_conversations AS c
        INNER JOIN messaging.whatsapp_accounts AS a ON a.id = c.account_id
        INNER JOIN core_catalogs.contacts AS o ON o.id = c.contact_id
        WHERE o.tenant_id <> a.tenant_id
        UNION ALL
        SELECT COUNT(*), 'conversations assigned to a user of another tenant'
        FROM messaging.whatsapp_conversations AS c
        INNER JOIN messaging.whatsapp_accounts AS a ON a.id = c.account_id
        INNER JOIN core_users.users AS o ON o.id = c.assigned_user_id
        WHERE o.tenant_id <> a.tenant_id
        UNION ALL
        SELECT COUNT(*), 'sessions with a flow of another tenant'
        FROM messaging.chatbot_sessions AS s
        INNER JOIN messaging.whatsapp_conversations AS c ON c.id = s.conversation_id
        INNER JOIN messaging.whatsapp_accounts AS a ON a.id = c.account_id
        INNER JOIN messaging.chatbot_flows AS o ON o.id = s.flow_id
        WHERE o.tenant_id <> a.tenant_id
        UNION ALL
        SELECT COUNT(*), 'sessions at a node of another flow'
        FROM messaging.chatbot_sessions AS s
        INNER JOIN messaging.chatbot_nodes AS n ON n.id = s.current_node_id
        WHERE n.flow_id <> s.flow_id
        UNION ALL
        SELECT COUNT(*), 'campaigns with an account of another tenant'
        FROM messaging.whatsapp_campaigns AS c
        INNER JOIN messaging.whatsapp_accounts AS a ON a.id = c.account_id
        WHERE a.tenant_id <> c.tenant_id
        UNION ALL
        SELECT COUNT(*), 'campaigns with a template of another account'
        FROM messaging.whatsapp_campaigns AS c
        INNER JOIN messaging.whatsapp_templates AS t ON t.id = c.template_id
        WHERE t.account_id <> c.account_id
        UNION ALL
        SELECT COUNT(*), 'conversations with a negative unread_count'
        FROM messaging.whatsapp_conversations WHERE unread_count < 0
        UNION ALL
        SELECT COUNT(*), 'conversations whose last_message_direction is no direction'
        FROM messaging.whatsapp_conversations
        WHERE last_message_direction NOT IN ('inbound', 'outbound')
        UNION ALL
        SELECT COUNT(*), 'accounts whose messaging_limit is none'
        FROM messaging.whatsapp_accounts
        WHERE messaging_limit NOT IN ('tier_1', 'tier_2', 'tier_3', 'unlimited')
        UNION ALL
        SELECT COUNT(*), 'templates whose language is none, or whose components are no list'
        FROM messaging.whatsapp_templates
        WHERE language !~ '^[a-z]{2,3}(_[A-Z]{2})?$' OR jsonb_typeof(components) <> 'array'
        UNION ALL
        SELECT COUNT(*), 'flows with a negative count, or a trigger_config that is no object'
        FROM messaging.chatbot_flows
        WHERE
            total_sessions < 0 OR completed_sessions < 0
            OR jsonb_typeof(trigger_config) <> 'object'
        UNION ALL
        SELECT COUNT(*), 'nodes whose config, connections or position is of another shape'
        FROM messaging.chatbot_nodes
        WHERE
            jsonb_typeof(config) <> 'object' OR jsonb_typeof(connections) <> 'array'
            OR jsonb_typeof(position) <> 'object'
        UNION ALL
        SELECT COUNT(*), 'sessions with a negative count, or a context that is no object'
        FROM messaging.chatbot_sessions
        WHERE messages_processed < 0 OR jsonb_typeof(context) <> 'object'
        UNION ALL
        SELECT COUNT(*), 'campaigns with a negative number, a currency that is none, or no objects'
        FROM messaging.whatsapp_campaigns
        WHERE
            LEAST(
                total_recipients, sent_count, delivered_count,
                read_count, failed_count, opt_out_count
            ) < 0
            OR estimated_cost < 0 OR currency !~ '^[A-Z]{3}$'
            OR jsonb_typeof(template_params) <> 'object'
            OR jsonb_typeof(audience_config) <> 'object'
    ) AS what
    WHERE what.rows > 0;
    IF v_found IS NOT NULL THEN
        RAISE EXCEPTION 'messaging 1.1 does not accept rows that are here'
            USING ERRCODE = 'check_violation', DETAIL = v_found,
                HINT = 'Correct them, then migrate again.';
    END IF;
END;
$$;


-- The tenant that the session works for: what it set app.tenant_id to, NULL where it set nothing.
-- Every policy asks this, inside a SELECT, so that it is computed once for a query. SET LOCAL
-- leaves an empty text behind when its transaction ends, which is nothing too.
CREATE OR REPLACE FUNCTION core_tenants.current_tenant_id()
RETURNS UUID
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NULLIF(current_setting('app.tenant_id', true), '')::UUID;
$$;

ALTER FUNCTION core_tenants.current_tenant_id() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION core_tenants.current_tenant_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_tenants.current_tenant_id() TO app_user;

-- Trigger: who inserts below an account and names no tenant, as 1.0 did, means the account's.
CREATE OR REPLACE FUNCTION messaging.tenant_of_account()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT a.tenant_id INTO NEW.tenant_id
    FROM messaging.whatsapp_accounts AS a WHERE a.id = NEW.account_id;
    IF NEW.tenant_id IS NULL AND NEW.account_id IS NOT NULL THEN
        RAISE EXCEPTION 'no account % for a row of %', NEW.account_id, TG_TABLE_NAME
            USING ERRCODE = 'foreign_key_violation',
                HINT = 'Is app.tenant_id set to the tenant whose account it is?';
    END IF;
    RETURN NEW;
END;
$$;

ALTER FUNCTION messaging.tenant_of_account() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.tenant_of_account() FROM PUBLIC;

-- Trigger: who inserts into a conversation and names no tenant, as version 1.0 did, means the
-- conversation's.
CREATE OR REPLACE FUNCTION messaging.tenant_of_conversation()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Its own tenant or, while rows are still being filled in, its account's.
    SELECT COALESCE(c.tenant_id, a.tenant_id) INTO NEW.tenant_id
    FROM messaging.whatsapp_conversations AS c
    INNER JOIN messaging.whatsapp_accounts AS a ON a.id = c.account_id
    WHERE c.id = NEW.conversation_id;
    IF NEW.tenant_id IS NULL AND NEW.conversation_id IS NOT NULL THEN
        RAISE EXCEPTION 'no conversation % for a row of %', NEW.conversation_id, TG_TABLE_NAME
            USING ERRCODE = 'foreign_key_violation',
                HINT = 'Is app.tenant_id set to the tenant whose conversation it is?';
    END IF;
    RETURN NEW;
END;
$$;

ALTER FUNCTION messaging.tenant_of_conversation() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.tenant_of_conversation() FROM PUBLIC;

-- Trigger: who inserts into a flow and names no tenant, as version 1.0 did, means the flow's.
CREATE OR REPLACE FUNCTION messaging.tenant_of_flow()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT f.tenant_id INTO NEW.tenant_id
    FROM messaging.chatbot_flows AS f WHERE f.id = NEW.flow_id;
    IF NEW.tenant_id IS NULL AND NEW.flow_id IS NOT NULL THEN
        RAISE EXCEPTION 'no flow % for a row of %', NEW.flow_id, TG_TABLE_NAME
            USING ERRCODE = 'foreign_key_violation',
                HINT = 'Is app.tenant_id set to the tenant whose flow it is?';
    END IF;
    RETURN NEW;
END;
$$;

ALTER FUNCTION messaging.tenant_of_flow() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.tenant_of_flow() FROM PUBLIC;

-- Empty at first: a column that may be NULL costs no rewrite. The triggers fill it in what is
-- written from now on, the revisions that follow in what is there.
ALTER TABLE messaging.whatsapp_templates ADD COLUMN tenant_id UUID;
CREATE TRIGGER trg_whatsapp_templates_tenant
    BEFORE INSERT OR UPDATE ON messaging.whatsapp_templates
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_account();

ALTER TABLE messaging.whatsapp_conversations ADD COLUMN tenant_id UUID;
CREATE TRIGGER trg_whatsapp_conversations_tenant
    BEFORE INSERT OR UPDATE ON messaging.whatsapp_conversations
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_account();

ALTER TABLE messaging.whatsapp_messages ADD COLUMN tenant_id UUID;
CREATE TRIGGER trg_whatsapp_messages_tenant
    BEFORE INSERT OR UPDATE ON messaging.whatsapp_messages
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_conversation();

ALTER TABLE messaging.chatbot_nodes ADD COLUMN tenant_id UUID;
CREATE TRIGGER trg_chatbot_nodes_tenant
    BEFORE INSERT OR UPDATE ON messaging.chatbot_nodes
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_flow();

ALTER TABLE messaging.chatbot_sessions ADD COLUMN tenant_id UUID;
CREATE TRIGGER trg_chatbot_sessions_tenant
    BEFORE INSERT OR UPDATE ON messaging.chatbot_sessions
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_conversation();

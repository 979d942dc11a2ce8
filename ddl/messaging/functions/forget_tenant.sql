-- Trigger: a tenant that goes takes along, first, what foreign keys would keep it for: campaigns
-- hold accounts and templates, sessions hold flows and nodes, conversations hold contacts and
-- users. The rest goes by ON DELETE CASCADE, in whatever order.
CREATE OR REPLACE FUNCTION messaging.forget_tenant()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM messaging.whatsapp_campaigns WHERE tenant_id = OLD.id;
    DELETE FROM messaging.whatsapp_conversations WHERE tenant_id = OLD.id;
    RETURN OLD;
END;
$$;

ALTER FUNCTION messaging.forget_tenant() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.forget_tenant() FROM PUBLIC;

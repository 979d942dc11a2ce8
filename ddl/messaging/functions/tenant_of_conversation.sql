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

-- p001: what no index of a partitioned table can keep apart, a table of its own does: a message is
-- known by its id within its tenant, and by Meta's id within its conversation. Triggers keep it in
-- step with the messages, from now on.

-- Whoever runs this may be bound by the policies and has to read every row: p005 binds the owner
-- again.
-- ringfence: ignore M043 because its owner cannot log in, and p005 forces it again
ALTER TABLE messaging.whatsapp_messages NO FORCE ROW LEVEL SECURITY;

CREATE TABLE messaging.whatsapp_message_keys (
    tenant_id UUID NOT NULL,
    message_id UUID NOT NULL,
    conversation_id UUID NOT NULL,
    wa_message_id VARCHAR(100) NOT NULL,

    CONSTRAINT pk_whatsapp_message_keys PRIMARY KEY (tenant_id, message_id),
    CONSTRAINT uq_whatsapp_message_keys UNIQUE (tenant_id, conversation_id, wa_message_id),
    CONSTRAINT fk_whatsapp_message_keys_conversation
    FOREIGN KEY (tenant_id, conversation_id)
    REFERENCES messaging.whatsapp_conversations (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE messaging.whatsapp_message_keys OWNER TO app_owner;

ALTER TABLE messaging.whatsapp_message_keys ENABLE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_message_keys_tenant_isolation ON messaging.whatsapp_message_keys
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.whatsapp_message_keys
    IS 'Lo que es unico de un mensaje; solo lo escriben los triggers de whatsapp_messages';

GRANT SELECT ON messaging.whatsapp_message_keys TO app_user;

-- Trigger: a message's key comes, changes and goes with it. It runs when the policies have let the
-- message in, as app_owner, for the tenant of the message and no other; the setting of whoever
-- writes is as it was afterwards.
CREATE FUNCTION messaging.keep_message_key()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_before TEXT := current_setting('app.tenant_id', true);
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM set_config('app.tenant_id', OLD.tenant_id::TEXT, true);
        DELETE FROM messaging.whatsapp_message_keys AS k
        WHERE k.tenant_id = OLD.tenant_id AND k.message_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM set_config('app.tenant_id', NEW.tenant_id::TEXT, true);
        INSERT INTO messaging.whatsapp_message_keys (
            tenant_id, message_id, conversation_id, wa_message_id
        ) VALUES (
            NEW.tenant_id, NEW.id, NEW.conversation_id, NEW.wa_message_id
        );
    END IF;
    PERFORM set_config('app.tenant_id', v_before, true);
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.keep_message_key() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.keep_message_key() FROM PUBLIC;

-- Trigger: without messages there are no keys.
CREATE FUNCTION messaging.forget_message_keys()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    TRUNCATE messaging.whatsapp_message_keys;
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.forget_message_keys() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.forget_message_keys() FROM PUBLIC;

CREATE TRIGGER trg_whatsapp_messages_key
    AFTER INSERT OR DELETE ON messaging.whatsapp_messages
    FOR EACH ROW
    EXECUTE FUNCTION messaging.keep_message_key();

CREATE TRIGGER trg_whatsapp_messages_key_changed
    AFTER UPDATE OF id, tenant_id, conversation_id, wa_message_id ON messaging.whatsapp_messages
    FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.conversation_id, OLD.wa_message_id)
    IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.conversation_id, NEW.wa_message_id))
    EXECUTE FUNCTION messaging.keep_message_key();

CREATE TRIGGER trg_whatsapp_messages_keys_forgotten
    AFTER TRUNCATE ON messaging.whatsapp_messages
    FOR EACH STATEMENT
    EXECUTE FUNCTION messaging.forget_message_keys();

-- All that is there, and all that comes before p005, is to be one partition: it ends with the month
-- that comes after this one.
DO $$
BEGIN
    EXECUTE format(
        'ALTER TABLE messaging.whatsapp_messages'
        ' ADD CONSTRAINT chk_whatsapp_messages_first CHECK (created_at < %L) NOT VALID',
        (date_trunc('month', now() AT TIME ZONE 'UTC') + INTERVAL '2 months') AT TIME ZONE 'UTC'
    );
END;
$$;

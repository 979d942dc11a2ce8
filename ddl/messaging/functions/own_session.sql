-- Trigger: the chatbot session of a conversation is one of this conversation.
CREATE OR REPLACE FUNCTION messaging.own_session()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.tenant_id, NEW.chatbot_session_id) IS NOT DISTINCT FROM (OLD.tenant_id, OLD.chatbot_session_id) THEN
            RETURN NULL;
        END IF;
    END IF;

    PERFORM FROM messaging.chatbot_sessions AS s
    WHERE
        s.tenant_id = NEW.tenant_id
        AND s.conversation_id = NEW.id AND s.id = NEW.chatbot_session_id
    FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'chatbot_session_id of whatsapp_conversations is no session of it: %',
            NEW.chatbot_session_id
            USING ERRCODE = 'foreign_key_violation', COLUMN = 'chatbot_session_id';
    END IF;
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.own_session() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.own_session() FROM PUBLIC;

-- Trigger: a session that goes, or moves to another conversation, is no conversation's any more.
CREATE OR REPLACE FUNCTION messaging.forget_session()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE messaging.whatsapp_conversations
    SET chatbot_session_id = NULL
    WHERE id = OLD.conversation_id AND chatbot_session_id = OLD.id;
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.forget_session() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.forget_session() FROM PUBLIC;

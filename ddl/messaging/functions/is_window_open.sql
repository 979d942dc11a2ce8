-- Dice si la ventana de 24 horas sigue abierta; si acaba de vencer, la cierra.
CREATE OR REPLACE FUNCTION messaging.is_window_open(
    p_conversation_id UUID
) RETURNS BOOLEAN AS $$
DECLARE
    v_window_open BOOLEAN;
    v_window_expires TIMESTAMPTZ;
BEGIN
    SELECT is_window_open, window_expires_at
    INTO v_window_open, v_window_expires
    FROM messaging.whatsapp_conversations
    WHERE id = p_conversation_id;

    IF v_window_expires IS NOT NULL AND v_window_expires < NOW() THEN
        -- Ventana expirada, actualizar
        UPDATE messaging.whatsapp_conversations
        SET is_window_open = false
        WHERE id = p_conversation_id;
        RETURN false;
    END IF;

    RETURN COALESCE(v_window_open, false);
END;
$$ LANGUAGE plpgsql;

ALTER FUNCTION messaging.is_window_open(UUID) OWNER TO app_owner;
GRANT EXECUTE ON FUNCTION messaging.is_window_open(UUID) TO app_user;

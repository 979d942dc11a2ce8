-- Dice si la ventana de 24 horas sigue abierta. Solo pregunta: la ventana se cierra al vencer, sin
-- que nadie la cierre.
CREATE OR REPLACE FUNCTION messaging.is_window_open(
    p_conversation_id UUID
) RETURNS BOOLEAN
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE((
        SELECT c.is_window_open AND c.window_expires_at >= NOW()
        FROM messaging.whatsapp_conversations AS c
        WHERE c.id = p_conversation_id
    ), false);
END;
$$;

ALTER FUNCTION messaging.is_window_open(UUID) OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.is_window_open(UUID) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION messaging.is_window_open(UUID) TO app_user;

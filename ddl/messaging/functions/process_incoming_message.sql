-- Recibe un mensaje: busca o crea la conversacion, lo guarda y renueva la ventana de 24 horas.
CREATE OR REPLACE FUNCTION messaging.process_incoming_message(
    p_account_id UUID,
    p_wa_message_id VARCHAR,
    p_from_number VARCHAR,
    p_message_type VARCHAR,
    p_content JSONB
) RETURNS UUID AS $$
DECLARE
    v_conversation_id UUID;
    v_message_id UUID;
    v_contact_id UUID;
BEGIN
    -- Buscar o crear conversacion
    SELECT id, contact_id INTO v_conversation_id, v_contact_id
    FROM messaging.whatsapp_conversations
    WHERE account_id = p_account_id AND contact_wa_id = p_from_number;

    IF v_conversation_id IS NULL THEN
        -- Buscar contacto existente
        SELECT c.id INTO v_contact_id
        FROM core_catalogs.contacts c
        JOIN messaging.whatsapp_accounts wa ON wa.tenant_id = c.tenant_id
        WHERE wa.id = p_account_id
          AND c.whatsapp_number = p_from_number
          AND c.deleted_at IS NULL
        LIMIT 1;

        -- Crear conversacion
        INSERT INTO messaging.whatsapp_conversations (
            account_id, contact_id, contact_wa_id, status,
            is_window_open, window_expires_at
        ) VALUES (
            p_account_id, v_contact_id, p_from_number, 'open',
            true, NOW() + INTERVAL '24 hours'
        )
        RETURNING id INTO v_conversation_id;
    ELSE
        -- Actualizar ventana
        UPDATE messaging.whatsapp_conversations
        SET is_window_open = true,
            window_expires_at = NOW() + INTERVAL '24 hours',
            updated_at = NOW()
        WHERE id = v_conversation_id;
    END IF;

    -- Insertar mensaje
    INSERT INTO messaging.whatsapp_messages (
        conversation_id, wa_message_id, direction,
        message_type, content, status, sent_at
    ) VALUES (
        v_conversation_id, p_wa_message_id, 'inbound',
        p_message_type, p_content, 'delivered', NOW()
    )
    RETURNING id INTO v_message_id;

    -- Actualizar conversacion
    UPDATE messaging.whatsapp_conversations
    SET last_message_at = NOW(),
        last_message_preview = LEFT(p_content->>'body', 200),
        last_message_direction = 'inbound',
        unread_count = unread_count + 1,
        updated_at = NOW()
    WHERE id = v_conversation_id;

    RETURN v_message_id;
END;
$$ LANGUAGE plpgsql;

ALTER FUNCTION messaging.process_incoming_message(UUID, VARCHAR, VARCHAR, VARCHAR, JSONB)
    OWNER TO app_owner;
GRANT EXECUTE
    ON FUNCTION messaging.process_incoming_message(UUID, VARCHAR, VARCHAR, VARCHAR, JSONB)
    TO app_user;

-- ringfence: transaction: none
-- Undoes 0013.

DROP TRIGGER trg_whatsapp_campaigns_updated_at ON messaging.whatsapp_campaigns;
DROP TRIGGER trg_tenants_forget ON core_tenants.tenants;
DROP TRIGGER trg_chatbot_sessions_forget ON messaging.chatbot_sessions;
DROP TRIGGER trg_whatsapp_accounts_forget ON messaging.whatsapp_accounts;
DROP TRIGGER trg_whatsapp_conversations_session ON messaging.whatsapp_conversations;
DROP TRIGGER trg_chatbot_flows_accounts ON messaging.chatbot_flows;
DROP TRIGGER trg_whatsapp_campaigns_created_by ON messaging.whatsapp_campaigns;
DROP TRIGGER trg_chatbot_flows_created_by ON messaging.chatbot_flows;
DROP TRIGGER trg_whatsapp_templates_created_by ON messaging.whatsapp_templates;
DROP TRIGGER trg_whatsapp_accounts_created_by ON messaging.whatsapp_accounts;

CREATE OR REPLACE FUNCTION public.update_updated_at_column()
RETURNS TRIGGER
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;

GRANT EXECUTE ON FUNCTION public.update_updated_at_column() TO PUBLIC, app_user;

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

GRANT EXECUTE ON FUNCTION messaging.is_window_open(UUID) TO PUBLIC;

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

GRANT EXECUTE
    ON FUNCTION messaging.process_incoming_message(UUID, VARCHAR, VARCHAR, VARCHAR, JSONB)
    TO PUBLIC;

DROP FUNCTION messaging.message_preview(VARCHAR, JSONB);
DROP FUNCTION messaging.normalize_number(VARCHAR);
DROP FUNCTION messaging.forget_tenant();
DROP FUNCTION messaging.forget_session();
DROP FUNCTION messaging.forget_account();
DROP FUNCTION messaging.own_session();
DROP FUNCTION messaging.own_accounts();
DROP FUNCTION messaging.own_user();

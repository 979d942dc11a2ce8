-- p003: what tells a message that comes twice is the table of keys, before messages are partitioned
-- and after.

CREATE OR REPLACE FUNCTION messaging.process_incoming_message(
    p_account_id UUID,
    p_wa_message_id VARCHAR,
    p_from_number VARCHAR,
    p_message_type VARCHAR,
    p_content JSONB
) RETURNS UUID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_tenant_id UUID;
    v_number VARCHAR := messaging.normalize_number(p_from_number);
    v_type VARCHAR := CASE
        WHEN p_message_type IN (
            'text', 'image', 'document', 'audio', 'video', 'sticker',
            'location', 'contacts', 'interactive', 'template', 'reaction'
        ) THEN p_message_type
        ELSE 'unknown'
    END;
    v_contact_id UUID;
    v_conversation_id UUID;
    v_message_id UUID;
    v_new_id UUID;
BEGIN
    SELECT a.tenant_id INTO v_tenant_id
    FROM messaging.whatsapp_accounts AS a WHERE a.id = p_account_id;
    IF v_tenant_id IS NULL THEN
        RAISE EXCEPTION 'no account %', p_account_id
            USING ERRCODE = 'foreign_key_violation',
                HINT = 'Is app.tenant_id set to the tenant whose account it is?';
    END IF;

    -- Contacto existente, con el numero con + o sin el, o escrito como llega
    SELECT c.id INTO v_contact_id
    FROM core_catalogs.contacts AS c
    WHERE
        c.tenant_id = v_tenant_id
        AND c.whatsapp_number IN (v_number, LTRIM(v_number, '+'), p_from_number)
        AND c.deleted_at IS NULL
    ORDER BY c.whatsapp_number = v_number DESC, c.created_at, c.id
    LIMIT 1;

    -- Buscar o crear conversacion. Version 1.0 guardaba el numero como llegaba. Otra sesion puede
    -- crearla, o borrarla, entre un paso y el otro.
    LOOP
        SELECT c.id INTO v_conversation_id
        FROM messaging.whatsapp_conversations AS c
        WHERE
            c.account_id = p_account_id
            AND c.contact_wa_id IN (v_number, LTRIM(v_number, '+'), p_from_number)
        ORDER BY c.contact_wa_id = v_number DESC, c.contact_wa_id
        LIMIT 1
        FOR NO KEY UPDATE;
        EXIT WHEN FOUND;

        INSERT INTO messaging.whatsapp_conversations (
            tenant_id, account_id, contact_id, contact_wa_id, status
        ) VALUES (
            v_tenant_id, p_account_id, v_contact_id, v_number, 'open'
        )
        ON CONFLICT (account_id, contact_wa_id) DO NOTHING
        RETURNING id INTO v_conversation_id;
        EXIT WHEN FOUND;
    END LOOP;

    -- Quien escribe mensajes sin esta funcion no espera por la conversacion
    BEGIN
        SELECT k.message_id INTO v_message_id
        FROM messaging.whatsapp_message_keys AS k
        WHERE
            k.tenant_id = v_tenant_id
            AND k.conversation_id = v_conversation_id AND k.wa_message_id = p_wa_message_id;
        IF v_message_id IS NULL THEN
            INSERT INTO messaging.whatsapp_messages (
                tenant_id, conversation_id, wa_message_id, direction,
                message_type, content, status, sent_at
            ) VALUES (
                v_tenant_id, v_conversation_id, p_wa_message_id, 'inbound',
                v_type, COALESCE(p_content, '{}'::JSONB), 'delivered', NOW()
            )
            RETURNING id INTO v_new_id;
        END IF;
    EXCEPTION WHEN unique_violation THEN
        SELECT k.message_id INTO v_message_id
        FROM messaging.whatsapp_message_keys AS k
        WHERE
            k.tenant_id = v_tenant_id
            AND k.conversation_id = v_conversation_id AND k.wa_message_id = p_wa_message_id;
        IF v_message_id IS NULL THEN
            RAISE;
        END IF;
    END;

    IF v_message_id IS NOT NULL THEN
        -- Ya estaba: nada que contar otra vez
        RETURN v_message_id;
    END IF;

    UPDATE messaging.whatsapp_conversations AS c
    SET contact_id = COALESCE(c.contact_id, v_contact_id),
        status = CASE WHEN c.status = 'closed' THEN 'open' ELSE c.status END,
        closed_at = CASE WHEN c.status = 'closed' THEN NULL ELSE c.closed_at END,
        is_window_open = true,
        window_expires_at = GREATEST(c.window_expires_at, NOW() + INTERVAL '24 hours'),
        last_message_at = GREATEST(c.last_message_at, NOW()),
        last_message_preview = messaging.message_preview(v_type, p_content),
        last_message_direction = 'inbound',
        unread_count = c.unread_count + 1
    WHERE c.id = v_conversation_id;

    RETURN v_new_id;
END;
$$;

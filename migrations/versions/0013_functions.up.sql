-- ringfence: transaction: none
-- 0013: functions that may be called twice and at once, and triggers that keep what no foreign key
-- can.

-- Trigger: created_by names a user of the same tenant. It is no foreign key, for a user may go and
-- what they made stays.
CREATE OR REPLACE FUNCTION messaging.own_user()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.tenant_id, NEW.created_by) IS NOT DISTINCT FROM (OLD.tenant_id, OLD.created_by) THEN
            RETURN NULL;
        END IF;
    END IF;

    PERFORM FROM core_users.users AS u
    WHERE u.tenant_id = NEW.tenant_id AND u.id = NEW.created_by;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'created_by of % is no user of its tenant: %', TG_TABLE_NAME, NEW.created_by
            USING ERRCODE = 'foreign_key_violation', COLUMN = 'created_by';
    END IF;
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.own_user() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.own_user() FROM PUBLIC;

-- Trigger: the accounts a flow is for are its tenant's. They are locked as a foreign key locks, so
-- that none of them goes before the flow is written.
CREATE OR REPLACE FUNCTION messaging.own_accounts()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_account UUID;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.tenant_id, NEW.account_ids) IS NOT DISTINCT FROM (OLD.tenant_id, OLD.account_ids) THEN
            RETURN NULL;
        END IF;
    END IF;

    FOREACH v_account IN ARRAY NEW.account_ids LOOP
        PERFORM FROM messaging.whatsapp_accounts AS a
        WHERE a.tenant_id = NEW.tenant_id AND a.id = v_account
        FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'account_ids of chatbot_flows names no account of its tenant: %', v_account
                USING ERRCODE = 'foreign_key_violation', COLUMN = 'account_ids';
        END IF;
    END LOOP;
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.own_accounts() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.own_accounts() FROM PUBLIC;

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

-- Trigger: an account that goes is in no flow's list any more. A list that gets empty stays one: it
-- means no account, where NULL means all.
CREATE OR REPLACE FUNCTION messaging.forget_account()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE messaging.chatbot_flows
    SET account_ids = array_remove(account_ids, OLD.id)
    WHERE tenant_id = OLD.tenant_id AND account_ids @> ARRAY[OLD.id];
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.forget_account() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.forget_account() FROM PUBLIC;

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

-- A telephone number as conversations are found by: `+` and digits. Meta leaves the `+` out, people
-- put 00, blanks and brackets. What is no number (a WhatsApp ID may be anything) stays as it is.
CREATE OR REPLACE FUNCTION messaging.normalize_number(p_number VARCHAR)
RETURNS VARCHAR
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN p_number ~ '^[+0-9 ().-]+$' AND digits.only ~ '^[1-9][0-9]{6,14}$'
            THEN '+' || digits.only
        ELSE p_number
    END
    FROM (
        SELECT regexp_replace(regexp_replace(p_number, '[^0-9]', '', 'g'), '^00', '') AS only
    ) AS digits;
$$;

ALTER FUNCTION messaging.normalize_number(VARCHAR) OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.normalize_number(VARCHAR) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION messaging.normalize_number(VARCHAR) TO app_user;

-- What an inbox shows of a message: its text, its caption, or what says most about it; the type in
-- brackets where nothing does. `p_content` is what Meta sends for the type, or that below the
-- type's name: {"body": "hola"} and {"text": {"body": "hola"}} alike.
CREATE OR REPLACE FUNCTION messaging.message_preview(p_message_type VARCHAR, p_content JSONB)
RETURNS VARCHAR
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT LEFT(
        COALESCE(
            NULLIF(
                CASE p_message_type
                    WHEN 'text' THEN said.it ->> 'body'
                    WHEN 'image' THEN said.it ->> 'caption'
                    WHEN 'video' THEN said.it ->> 'caption'
                    WHEN 'document' THEN COALESCE(said.it ->> 'caption', said.it ->> 'filename')
                    WHEN 'location' THEN COALESCE(said.it ->> 'name', said.it ->> 'address')
                    WHEN 'contacts' THEN said.it #>> '{0,name,formatted_name}'
                    WHEN 'interactive' THEN COALESCE(
                        said.it #>> '{button_reply,title}',
                        said.it #>> '{list_reply,title}',
                        said.it #>> '{body,text}'
                    )
                    WHEN 'template' THEN said.it ->> 'name'
                    WHEN 'reaction' THEN said.it ->> 'emoji'
                END,
                ''
            ),
            '[' || p_message_type || ']'
        ),
        200
    )
    FROM (
        SELECT CASE
            WHEN p_message_type = 'text' AND p_content ? 'body' THEN p_content
            ELSE COALESCE(p_content -> p_message_type::TEXT, p_content)
        END AS it
    ) AS said;
$$;

ALTER FUNCTION messaging.message_preview(VARCHAR, JSONB) OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.message_preview(VARCHAR, JSONB) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION messaging.message_preview(VARCHAR, JSONB) TO app_user;

-- Recibe un mensaje: busca o crea la conversacion, lo guarda y renueva la ventana de 24 horas. Un
-- mensaje que llega dos veces, aun al mismo tiempo, cuenta una; devuelve el que se guardo.
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

    INSERT INTO messaging.whatsapp_messages (
        tenant_id, conversation_id, wa_message_id, direction,
        message_type, content, status, sent_at
    ) VALUES (
        v_tenant_id, v_conversation_id, p_wa_message_id, 'inbound',
        v_type, COALESCE(p_content, '{}'::JSONB), 'delivered', NOW()
    )
    ON CONFLICT (conversation_id, wa_message_id) DO NOTHING
    RETURNING id INTO v_message_id;

    IF v_message_id IS NULL THEN
        -- Ya estaba: nada que contar otra vez
        SELECT m.id INTO v_message_id
        FROM messaging.whatsapp_messages AS m
        WHERE m.conversation_id = v_conversation_id AND m.wa_message_id = p_wa_message_id;
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

    RETURN v_message_id;
END;
$$;

ALTER FUNCTION messaging.process_incoming_message(UUID, VARCHAR, VARCHAR, VARCHAR, JSONB)
    OWNER TO app_owner;
REVOKE EXECUTE
    ON FUNCTION messaging.process_incoming_message(UUID, VARCHAR, VARCHAR, VARCHAR, JSONB)
    FROM PUBLIC;
GRANT EXECUTE
    ON FUNCTION messaging.process_incoming_message(UUID, VARCHAR, VARCHAR, VARCHAR, JSONB)
    TO app_user;

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

-- Stamps a row with the time of the transaction that changes it. For BEFORE UPDATE triggers on
-- tables with a column updated_at.
CREATE OR REPLACE FUNCTION public.update_updated_at_column()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;

ALTER FUNCTION public.update_updated_at_column() OWNER TO app_owner;
-- ringfence: ignore M044 because a trigger calls it, whoever may
REVOKE EXECUTE ON FUNCTION public.update_updated_at_column() FROM app_user;
REVOKE EXECUTE ON FUNCTION public.update_updated_at_column() FROM PUBLIC;

CREATE TRIGGER trg_whatsapp_accounts_created_by
    AFTER INSERT OR UPDATE OF tenant_id, created_by ON messaging.whatsapp_accounts
    FOR EACH ROW
    WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION messaging.own_user();

CREATE TRIGGER trg_whatsapp_templates_created_by
    AFTER INSERT OR UPDATE OF tenant_id, created_by ON messaging.whatsapp_templates
    FOR EACH ROW
    WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION messaging.own_user();

CREATE TRIGGER trg_chatbot_flows_created_by
    AFTER INSERT OR UPDATE OF tenant_id, created_by ON messaging.chatbot_flows
    FOR EACH ROW
    WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION messaging.own_user();

CREATE TRIGGER trg_whatsapp_campaigns_created_by
    AFTER INSERT OR UPDATE OF tenant_id, created_by ON messaging.whatsapp_campaigns
    FOR EACH ROW
    WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION messaging.own_user();

CREATE TRIGGER trg_chatbot_flows_accounts
    AFTER INSERT OR UPDATE OF tenant_id, account_ids ON messaging.chatbot_flows
    FOR EACH ROW
    WHEN (NEW.account_ids IS NOT NULL)
    EXECUTE FUNCTION messaging.own_accounts();

CREATE TRIGGER trg_whatsapp_conversations_session
    AFTER INSERT OR UPDATE OF tenant_id, chatbot_session_id ON messaging.whatsapp_conversations
    FOR EACH ROW
    WHEN (NEW.chatbot_session_id IS NOT NULL)
    EXECUTE FUNCTION messaging.own_session();

CREATE TRIGGER trg_whatsapp_accounts_forget
    AFTER DELETE ON messaging.whatsapp_accounts
    FOR EACH ROW
    EXECUTE FUNCTION messaging.forget_account();

CREATE TRIGGER trg_chatbot_sessions_forget
    AFTER DELETE OR UPDATE OF conversation_id ON messaging.chatbot_sessions
    FOR EACH ROW
    EXECUTE FUNCTION messaging.forget_session();

CREATE TRIGGER trg_tenants_forget
    BEFORE DELETE ON core_tenants.tenants
    FOR EACH ROW
    EXECUTE FUNCTION messaging.forget_tenant();

CREATE TRIGGER trg_whatsapp_campaigns_updated_at
    BEFORE UPDATE ON messaging.whatsapp_campaigns
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

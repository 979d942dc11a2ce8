-- Conversaciones de una cuenta con sus contactos.
CREATE TABLE messaging.whatsapp_conversations (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id UUID NOT NULL REFERENCES messaging.whatsapp_accounts (id) ON DELETE CASCADE,
    contact_id UUID REFERENCES core_catalogs.contacts (id),

    -- WhatsApp IDs; contact_wa_id es el telefono o el WA ID
    wa_conversation_id VARCHAR(50),
    contact_wa_id VARCHAR(50) NOT NULL,

    -- Asignacion
    assigned_user_id UUID REFERENCES core_users.users (id),
    assigned_at TIMESTAMPTZ,

    -- Estado
    status VARCHAR(20) NOT NULL DEFAULT 'open',
    unread_count INT NOT NULL DEFAULT 0,

    -- Ventana de 24 horas
    window_expires_at TIMESTAMPTZ,
    is_window_open BOOLEAN NOT NULL DEFAULT false,

    -- Ultima actividad
    last_message_at TIMESTAMPTZ,
    last_message_preview VARCHAR(200),
    last_message_direction VARCHAR(10),

    -- Chatbot
    chatbot_active BOOLEAN NOT NULL DEFAULT false,
    chatbot_session_id UUID,

    -- Etiquetas
    tags TEXT[] DEFAULT '{}',

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    closed_at TIMESTAMPTZ,

    CONSTRAINT uq_whatsapp_conversations UNIQUE (account_id, contact_wa_id),
    CONSTRAINT chk_whatsapp_conversations_status CHECK (status IN (
        'open', 'pending', 'resolved', 'closed', 'spam'
    ))
);

ALTER TABLE messaging.whatsapp_conversations OWNER TO app_owner;

CREATE INDEX idx_whatsapp_conversations_account
    ON messaging.whatsapp_conversations (account_id);
CREATE INDEX idx_whatsapp_conversations_contact
    ON messaging.whatsapp_conversations (contact_id);
CREATE INDEX idx_whatsapp_conversations_assigned
    ON messaging.whatsapp_conversations (assigned_user_id);
CREATE INDEX idx_whatsapp_conversations_status
    ON messaging.whatsapp_conversations (status);
CREATE INDEX idx_whatsapp_conversations_last_message
    ON messaging.whatsapp_conversations (last_message_at DESC);
CREATE INDEX idx_whatsapp_conversations_open
    ON messaging.whatsapp_conversations (account_id, status)
    WHERE status IN ('open', 'pending');

CREATE TRIGGER trg_whatsapp_conversations_updated_at
    BEFORE UPDATE ON messaging.whatsapp_conversations
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

COMMENT ON TABLE messaging.whatsapp_conversations IS 'Conversaciones de WhatsApp con contactos';
COMMENT ON COLUMN messaging.whatsapp_conversations.window_expires_at
    IS 'Expiracion de ventana de 24h para mensajes libres';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_conversations TO app_user;

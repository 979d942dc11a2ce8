-- Conversaciones de una cuenta con sus contactos.
CREATE TABLE messaging.whatsapp_conversations (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id UUID NOT NULL,
    contact_id UUID,

    -- WhatsApp IDs; contact_wa_id es el telefono o el WA ID
    wa_conversation_id VARCHAR(50),
    contact_wa_id VARCHAR(50) NOT NULL,

    -- Asignacion
    assigned_user_id UUID,
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

    -- De la fila de la que cuelga; quien no lo dice la obtiene de ella
    tenant_id UUID NOT NULL,

    CONSTRAINT uq_whatsapp_conversations UNIQUE (account_id, contact_wa_id),
    CONSTRAINT uq_whatsapp_conversations_tenant UNIQUE (tenant_id, id),
    CONSTRAINT fk_whatsapp_conversations_account
    FOREIGN KEY (tenant_id, account_id)
    REFERENCES messaging.whatsapp_accounts (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_whatsapp_conversations_contact
    FOREIGN KEY (tenant_id, contact_id) REFERENCES core_catalogs.contacts (tenant_id, id),
    CONSTRAINT fk_whatsapp_conversations_assigned
    FOREIGN KEY (tenant_id, assigned_user_id) REFERENCES core_users.users (tenant_id, id),
    CONSTRAINT chk_whatsapp_conversations_unread CHECK (unread_count >= 0),
    CONSTRAINT chk_whatsapp_conversations_direction CHECK (last_message_direction IN (
        'inbound', 'outbound'
    )),
    CONSTRAINT chk_whatsapp_conversations_status CHECK (status IN (
        'open', 'pending', 'resolved', 'closed', 'spam'
    ))
);

ALTER TABLE messaging.whatsapp_conversations OWNER TO app_owner;

CREATE INDEX idx_whatsapp_conversations_by_account
    ON messaging.whatsapp_conversations (tenant_id, account_id);
CREATE INDEX idx_whatsapp_conversations_by_contact
    ON messaging.whatsapp_conversations (tenant_id, contact_id);
CREATE INDEX idx_whatsapp_conversations_by_assigned
    ON messaging.whatsapp_conversations (tenant_id, assigned_user_id);
CREATE INDEX idx_whatsapp_conversations_status
    ON messaging.whatsapp_conversations (status);
CREATE INDEX idx_whatsapp_conversations_by_last_message
    ON messaging.whatsapp_conversations (tenant_id, last_message_at DESC NULLS LAST);
CREATE INDEX idx_whatsapp_conversations_open
    ON messaging.whatsapp_conversations (account_id, status)
    WHERE status IN ('open', 'pending');

CREATE TRIGGER trg_whatsapp_conversations_updated_at
    BEFORE UPDATE ON messaging.whatsapp_conversations
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER trg_whatsapp_conversations_session
    AFTER INSERT OR UPDATE OF tenant_id, chatbot_session_id ON messaging.whatsapp_conversations
    FOR EACH ROW
    WHEN (NEW.chatbot_session_id IS NOT NULL)
    EXECUTE FUNCTION messaging.own_session();

CREATE TRIGGER trg_whatsapp_conversations_tenant
    BEFORE INSERT OR UPDATE ON messaging.whatsapp_conversations
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_account();

ALTER TABLE messaging.whatsapp_conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.whatsapp_conversations FORCE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_conversations_tenant_isolation ON messaging.whatsapp_conversations
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.whatsapp_conversations IS 'Conversaciones de WhatsApp con contactos';
COMMENT ON COLUMN messaging.whatsapp_conversations.window_expires_at
    IS 'Expiracion de ventana de 24h para mensajes libres';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_conversations TO app_user;

-- Mensajes de una conversacion, en las dos direcciones.
CREATE TABLE messaging.whatsapp_messages (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id UUID NOT NULL,

    -- WhatsApp IDs; wa_context_id es el mensaje al que responde
    wa_message_id VARCHAR(100) NOT NULL,
    wa_context_id VARCHAR(100),

    direction VARCHAR(10) NOT NULL,

    -- Tipo, y contenido en el formato de Meta para ese tipo
    message_type VARCHAR(20) NOT NULL,
    content JSONB NOT NULL,

    -- Estado
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    error_code VARCHAR(50),
    error_message VARCHAR(500),

    -- Momentos
    sent_at TIMESTAMPTZ,
    delivered_at TIMESTAMPTZ,
    read_at TIMESTAMPTZ,
    failed_at TIMESTAMPTZ,

    -- Quien lo escribio
    is_from_chatbot BOOLEAN NOT NULL DEFAULT false,
    is_from_ai BOOLEAN NOT NULL DEFAULT false,
    ai_agent_id UUID,

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    -- De la fila de la que cuelga; quien no lo dice la obtiene de ella
    tenant_id UUID NOT NULL,

    CONSTRAINT uq_whatsapp_messages UNIQUE (conversation_id, wa_message_id),
    CONSTRAINT fk_whatsapp_messages_conversation
    FOREIGN KEY (tenant_id, conversation_id)
    REFERENCES messaging.whatsapp_conversations (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT chk_whatsapp_messages_direction CHECK (direction IN ('inbound', 'outbound')),
    CONSTRAINT chk_whatsapp_messages_type CHECK (message_type IN (
        'text', 'image', 'document', 'audio', 'video', 'sticker',
        'location', 'contacts', 'interactive', 'template', 'reaction', 'unknown'
    )),
    CONSTRAINT chk_whatsapp_messages_status CHECK (status IN (
        'pending', 'sent', 'delivered', 'read', 'failed'
    ))
);

ALTER TABLE messaging.whatsapp_messages OWNER TO app_owner;

CREATE INDEX idx_whatsapp_messages_by_conversation
    ON messaging.whatsapp_messages (conversation_id, tenant_id, created_at DESC);
CREATE INDEX idx_whatsapp_messages_wa_id ON messaging.whatsapp_messages (wa_message_id);
CREATE INDEX idx_whatsapp_messages_direction ON messaging.whatsapp_messages (direction);
CREATE INDEX idx_whatsapp_messages_by_date
    ON messaging.whatsapp_messages (tenant_id, created_at DESC);
CREATE INDEX idx_whatsapp_messages_status ON messaging.whatsapp_messages (status)
    WHERE status IN ('pending', 'failed');

CREATE TRIGGER trg_whatsapp_messages_tenant
    BEFORE INSERT OR UPDATE ON messaging.whatsapp_messages
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_conversation();

ALTER TABLE messaging.whatsapp_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.whatsapp_messages FORCE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_messages_tenant_isolation ON messaging.whatsapp_messages
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.whatsapp_messages IS 'Mensajes de WhatsApp enviados y recibidos';
COMMENT ON COLUMN messaging.whatsapp_messages.content IS 'Contenido del mensaje en formato Meta';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_messages TO app_user;

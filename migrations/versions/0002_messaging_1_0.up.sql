-- 0002: the messaging schema, version 1.0, as its specification says.

CREATE SCHEMA messaging AUTHORIZATION app_owner;

GRANT USAGE ON SCHEMA messaging TO app_user;

-- Cuentas de WhatsApp Business de cada empresa.
CREATE TABLE messaging.whatsapp_accounts (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id UUID NOT NULL REFERENCES core_tenants.tenants (id) ON DELETE CASCADE,

    -- WhatsApp Business Account (WABA)
    waba_id VARCHAR(50) NOT NULL,
    phone_number_id VARCHAR(50) NOT NULL,
    phone_number VARCHAR(20) NOT NULL,
    display_name VARCHAR(100) NOT NULL,
    verified_name VARCHAR(100),

    -- Calidad y limites: tier_1 1K al dia, tier_2 10K, tier_3 100K, unlimited
    quality_rating VARCHAR(20) DEFAULT 'unknown',
    messaging_limit VARCHAR(20) DEFAULT 'tier_1',

    -- Configuracion
    webhook_url VARCHAR(500),
    webhook_verify_token VARCHAR(100),

    -- Credenciales, ya encriptadas
    access_token_encrypted BYTEA,
    token_expires_at TIMESTAMPTZ,

    -- Estado
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    is_active BOOLEAN NOT NULL DEFAULT true,
    last_synced_at TIMESTAMPTZ,

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_by UUID,

    CONSTRAINT uq_whatsapp_accounts UNIQUE (tenant_id, phone_number),
    CONSTRAINT chk_whatsapp_accounts_status CHECK (status IN (
        'pending', 'connected', 'disconnected', 'suspended', 'error'
    )),
    CONSTRAINT chk_whatsapp_accounts_quality CHECK (quality_rating IN (
        'unknown', 'green', 'yellow', 'red'
    )),
    CONSTRAINT chk_whatsapp_accounts_phone CHECK (phone_number ~ '^\+[1-9]\d{6,14}$')
);

ALTER TABLE messaging.whatsapp_accounts OWNER TO app_owner;

CREATE INDEX idx_whatsapp_accounts_tenant ON messaging.whatsapp_accounts (tenant_id);
CREATE INDEX idx_whatsapp_accounts_phone ON messaging.whatsapp_accounts (phone_number);
CREATE INDEX idx_whatsapp_accounts_active ON messaging.whatsapp_accounts (tenant_id, is_active)
    WHERE is_active = true;

CREATE TRIGGER trg_whatsapp_accounts_updated_at
    BEFORE UPDATE ON messaging.whatsapp_accounts
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

ALTER TABLE messaging.whatsapp_accounts ENABLE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_accounts_tenant_isolation ON messaging.whatsapp_accounts
    FOR ALL
    USING (tenant_id = current_setting('app.tenant_id')::UUID);

COMMENT ON TABLE messaging.whatsapp_accounts
    IS 'Cuentas de WhatsApp Business conectadas (MGN-017)';
COMMENT ON COLUMN messaging.whatsapp_accounts.waba_id IS 'WhatsApp Business Account ID de Meta';
COMMENT ON COLUMN messaging.whatsapp_accounts.quality_rating
    IS 'Calidad de la cuenta: green, yellow, red';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_accounts TO app_user;

-- Plantillas de mensaje que Meta aprueba.
CREATE TABLE messaging.whatsapp_templates (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id UUID NOT NULL REFERENCES messaging.whatsapp_accounts (id) ON DELETE CASCADE,

    -- Identificacion; external_id es el ID en Meta
    external_id VARCHAR(50),
    name VARCHAR(100) NOT NULL,
    language VARCHAR(10) NOT NULL DEFAULT 'es',
    category VARCHAR(30) NOT NULL,

    -- Lista de partes en el formato de Meta: HEADER, BODY, FOOTER, BUTTONS
    components JSONB NOT NULL,

    -- Estado de aprobacion
    status VARCHAR(20) NOT NULL DEFAULT 'pending',
    rejection_reason VARCHAR(500),

    -- Metadata
    quality_score VARCHAR(20),

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    submitted_at TIMESTAMPTZ,
    approved_at TIMESTAMPTZ,
    created_by UUID,

    CONSTRAINT uq_whatsapp_templates UNIQUE (account_id, name, language),
    CONSTRAINT chk_whatsapp_templates_category CHECK (category IN (
        'MARKETING', 'UTILITY', 'AUTHENTICATION'
    )),
    CONSTRAINT chk_whatsapp_templates_status CHECK (status IN (
        'pending', 'approved', 'rejected', 'disabled', 'paused'
    ))
);

ALTER TABLE messaging.whatsapp_templates OWNER TO app_owner;

CREATE INDEX idx_whatsapp_templates_account ON messaging.whatsapp_templates (account_id);
CREATE INDEX idx_whatsapp_templates_status ON messaging.whatsapp_templates (status);
CREATE INDEX idx_whatsapp_templates_category ON messaging.whatsapp_templates (category);

CREATE TRIGGER trg_whatsapp_templates_updated_at
    BEFORE UPDATE ON messaging.whatsapp_templates
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

COMMENT ON TABLE messaging.whatsapp_templates IS 'Templates de mensajes aprobados por Meta';
COMMENT ON COLUMN messaging.whatsapp_templates.components
    IS 'Estructura del template en formato Meta';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_templates TO app_user;

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

-- Mensajes de una conversacion, en las dos direcciones.
CREATE TABLE messaging.whatsapp_messages (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id UUID NOT NULL REFERENCES messaging.whatsapp_conversations ON DELETE CASCADE,

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

    CONSTRAINT uq_whatsapp_messages UNIQUE (conversation_id, wa_message_id),
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

CREATE INDEX idx_whatsapp_messages_conversation ON messaging.whatsapp_messages (conversation_id);
CREATE INDEX idx_whatsapp_messages_wa_id ON messaging.whatsapp_messages (wa_message_id);
CREATE INDEX idx_whatsapp_messages_direction ON messaging.whatsapp_messages (direction);
CREATE INDEX idx_whatsapp_messages_date ON messaging.whatsapp_messages (created_at DESC);
CREATE INDEX idx_whatsapp_messages_status ON messaging.whatsapp_messages (status)
    WHERE status IN ('pending', 'failed');

COMMENT ON TABLE messaging.whatsapp_messages IS 'Mensajes de WhatsApp enviados y recibidos';
COMMENT ON COLUMN messaging.whatsapp_messages.content IS 'Contenido del mensaje en formato Meta';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_messages TO app_user;

-- Flujos de chatbot de cada empresa.
CREATE TABLE messaging.chatbot_flows (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id UUID NOT NULL REFERENCES core_tenants.tenants (id) ON DELETE CASCADE,

    -- Identificacion
    name VARCHAR(100) NOT NULL,
    description VARCHAR(500),

    -- Cuando empieza; la configuracion depende del tipo, por ejemplo {"keywords": ["hola"]}
    trigger_type VARCHAR(30) NOT NULL,
    trigger_config JSONB NOT NULL DEFAULT '{}'::JSONB,

    -- Cuentas donde aplica; NULL: todas las de la empresa
    account_ids UUID[],

    -- Estado
    is_active BOOLEAN NOT NULL DEFAULT false,
    is_draft BOOLEAN NOT NULL DEFAULT true,

    -- Respuesta de IA cuando el flujo no sabe seguir (MGN-018)
    use_ai_fallback BOOLEAN NOT NULL DEFAULT false,
    ai_agent_id UUID,

    -- Estadisticas
    total_sessions INT NOT NULL DEFAULT 0,
    completed_sessions INT NOT NULL DEFAULT 0,

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    published_at TIMESTAMPTZ,
    created_by UUID,

    CONSTRAINT uq_chatbot_flows UNIQUE (tenant_id, name),
    CONSTRAINT chk_chatbot_flows_trigger CHECK (trigger_type IN (
        'keyword', 'first_message', 'menu_option', 'always', 'scheduled', 'manual'
    ))
);

ALTER TABLE messaging.chatbot_flows OWNER TO app_owner;

CREATE INDEX idx_chatbot_flows_tenant ON messaging.chatbot_flows (tenant_id);
CREATE INDEX idx_chatbot_flows_active ON messaging.chatbot_flows (tenant_id, is_active)
    WHERE is_active = true;
CREATE INDEX idx_chatbot_flows_trigger ON messaging.chatbot_flows (trigger_type);

CREATE TRIGGER trg_chatbot_flows_updated_at
    BEFORE UPDATE ON messaging.chatbot_flows
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

ALTER TABLE messaging.chatbot_flows ENABLE ROW LEVEL SECURITY;

CREATE POLICY chatbot_flows_tenant_isolation ON messaging.chatbot_flows
    FOR ALL
    USING (tenant_id = current_setting('app.tenant_id')::UUID);

COMMENT ON TABLE messaging.chatbot_flows IS 'Flujos de chatbot automatizado';
COMMENT ON COLUMN messaging.chatbot_flows.trigger_type
    IS 'Cuando se activa: keyword, first_message, menu_option, always';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.chatbot_flows TO app_user;

-- Nodos de un flujo de chatbot.
CREATE TABLE messaging.chatbot_nodes (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    flow_id UUID NOT NULL REFERENCES messaging.chatbot_flows (id) ON DELETE CASCADE,

    -- Identificacion; con node_key se nombran los nodos entre si
    node_key VARCHAR(50) NOT NULL,
    name VARCHAR(100),

    -- Tipo, y configuracion para ese tipo
    node_type VARCHAR(30) NOT NULL,
    config JSONB NOT NULL,

    -- Salidas: [{"from_output": "default", "to_node": "node_2"}]
    connections JSONB NOT NULL DEFAULT '[]'::JSONB,

    -- Lugar en el editor
    position JSONB DEFAULT '{"x": 0, "y": 0}'::JSONB,

    -- Flags
    is_start BOOLEAN NOT NULL DEFAULT false,
    is_end BOOLEAN NOT NULL DEFAULT false,

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT uq_chatbot_nodes UNIQUE (flow_id, node_key),
    CONSTRAINT chk_chatbot_nodes_type CHECK (node_type IN (
        'send_message', 'ask_question', 'menu', 'condition',
        'action', 'delay', 'handoff', 'ai_response', 'webhook'
    ))
);

ALTER TABLE messaging.chatbot_nodes OWNER TO app_owner;

CREATE INDEX idx_chatbot_nodes_flow ON messaging.chatbot_nodes (flow_id);
CREATE INDEX idx_chatbot_nodes_type ON messaging.chatbot_nodes (node_type);
CREATE INDEX idx_chatbot_nodes_start ON messaging.chatbot_nodes (flow_id, is_start)
    WHERE is_start = true;

CREATE TRIGGER trg_chatbot_nodes_updated_at
    BEFORE UPDATE ON messaging.chatbot_nodes
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

COMMENT ON TABLE messaging.chatbot_nodes IS 'Nodos de flujos de chatbot';
COMMENT ON COLUMN messaging.chatbot_nodes.node_key
    IS 'Identificador interno para referencias entre nodos';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.chatbot_nodes TO app_user;

-- Recorridos de un flujo de chatbot en una conversacion.
CREATE TABLE messaging.chatbot_sessions (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id UUID NOT NULL REFERENCES messaging.whatsapp_conversations ON DELETE CASCADE,
    flow_id UUID NOT NULL REFERENCES messaging.chatbot_flows (id),

    -- Nodo actual
    current_node_id UUID REFERENCES messaging.chatbot_nodes (id),
    waiting_for_response BOOLEAN NOT NULL DEFAULT false,

    -- Variables que el flujo va reuniendo: {"name": "Juan", "order_number": "12345"}
    context JSONB NOT NULL DEFAULT '{}'::JSONB,

    -- Estado
    status VARCHAR(20) NOT NULL DEFAULT 'active',
    completed_nodes TEXT[] DEFAULT '{}',

    -- Estadisticas
    messages_processed INT NOT NULL DEFAULT 0,

    started_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    last_activity_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    completed_at TIMESTAMPTZ,
    timeout_at TIMESTAMPTZ,

    CONSTRAINT chk_chatbot_sessions_status CHECK (status IN (
        'active', 'waiting', 'completed', 'handoff', 'timeout', 'error'
    ))
);

ALTER TABLE messaging.chatbot_sessions OWNER TO app_owner;

CREATE INDEX idx_chatbot_sessions_conversation ON messaging.chatbot_sessions (conversation_id);
CREATE INDEX idx_chatbot_sessions_flow ON messaging.chatbot_sessions (flow_id);
CREATE INDEX idx_chatbot_sessions_status ON messaging.chatbot_sessions (status);
CREATE INDEX idx_chatbot_sessions_active ON messaging.chatbot_sessions (conversation_id, status)
    WHERE status IN ('active', 'waiting');

COMMENT ON TABLE messaging.chatbot_sessions IS 'Sesiones activas de chatbot por conversacion';
COMMENT ON COLUMN messaging.chatbot_sessions.context IS 'Variables recopiladas durante el flujo';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.chatbot_sessions TO app_user;

-- Campanas de marketing: una plantilla para una audiencia.
CREATE TABLE messaging.whatsapp_campaigns (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id UUID NOT NULL REFERENCES core_tenants.tenants (id) ON DELETE CASCADE,
    account_id UUID NOT NULL REFERENCES messaging.whatsapp_accounts (id),

    -- Identificacion
    name VARCHAR(100) NOT NULL,
    description VARCHAR(500),

    -- Plantilla, y de donde sale cada variable: {"1": "contact.name"}
    template_id UUID NOT NULL REFERENCES messaging.whatsapp_templates (id),
    template_params JSONB DEFAULT '{}'::JSONB,

    -- Audiencia; la configuracion depende del tipo, por ejemplo {"tags": ["vip"]}
    audience_type VARCHAR(30) NOT NULL,
    audience_config JSONB NOT NULL,

    -- Programacion
    scheduled_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,

    -- Estado
    status VARCHAR(20) NOT NULL DEFAULT 'draft',

    -- Estadisticas
    total_recipients INT NOT NULL DEFAULT 0,
    sent_count INT NOT NULL DEFAULT 0,
    delivered_count INT NOT NULL DEFAULT 0,
    read_count INT NOT NULL DEFAULT 0,
    failed_count INT NOT NULL DEFAULT 0,
    opt_out_count INT NOT NULL DEFAULT 0,

    -- Costo estimado
    estimated_cost DECIMAL(10, 2),
    currency VARCHAR(3) DEFAULT 'MXN',

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_by UUID,

    CONSTRAINT chk_whatsapp_campaigns_status CHECK (status IN (
        'draft', 'scheduled', 'sending', 'completed', 'paused', 'cancelled'
    )),
    CONSTRAINT chk_whatsapp_campaigns_audience CHECK (audience_type IN (
        'all_contacts', 'tagged', 'segment', 'custom_list'
    ))
);

ALTER TABLE messaging.whatsapp_campaigns OWNER TO app_owner;

CREATE INDEX idx_whatsapp_campaigns_tenant ON messaging.whatsapp_campaigns (tenant_id);
CREATE INDEX idx_whatsapp_campaigns_account ON messaging.whatsapp_campaigns (account_id);
CREATE INDEX idx_whatsapp_campaigns_status ON messaging.whatsapp_campaigns (status);
CREATE INDEX idx_whatsapp_campaigns_scheduled ON messaging.whatsapp_campaigns (scheduled_at)
    WHERE status = 'scheduled';

ALTER TABLE messaging.whatsapp_campaigns ENABLE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_campaigns_tenant_isolation ON messaging.whatsapp_campaigns
    FOR ALL
    USING (tenant_id = current_setting('app.tenant_id')::UUID);

COMMENT ON TABLE messaging.whatsapp_campaigns IS 'Campanas de marketing masivo por WhatsApp';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_campaigns TO app_user;

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

-- Bandeja de entrada: conversaciones abiertas, la mas reciente primero.
CREATE VIEW messaging.vw_inbox AS
SELECT
    c.id,
    c.account_id,
    wa.phone_number AS account_phone,
    c.contact_id,
    ct.name AS contact_name,
    ct.whatsapp_number AS contact_phone,
    c.assigned_user_id,
    u.full_name AS assigned_user_name,
    c.status,
    c.unread_count,
    c.is_window_open,
    c.window_expires_at,
    c.last_message_at,
    c.last_message_preview,
    c.last_message_direction,
    c.chatbot_active,
    c.tags,
    c.created_at
FROM messaging.whatsapp_conversations AS c
INNER JOIN messaging.whatsapp_accounts AS wa ON wa.id = c.account_id
LEFT JOIN core_catalogs.contacts AS ct ON ct.id = c.contact_id
LEFT JOIN core_users.users AS u ON u.id = c.assigned_user_id
WHERE c.status NOT IN ('closed', 'spam')
ORDER BY c.last_message_at DESC NULLS LAST;

ALTER VIEW messaging.vw_inbox OWNER TO app_owner;

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.vw_inbox TO app_user;

-- Actividad de cada cuenta activa en los ultimos 30 dias.
CREATE VIEW messaging.vw_whatsapp_metrics AS
SELECT
    wa.tenant_id,
    wa.id AS account_id,
    wa.phone_number,
    wa.display_name,
    wa.quality_rating,
    (
        SELECT COUNT(*) FROM messaging.whatsapp_conversations AS c
        WHERE c.account_id = wa.id AND c.created_at > CURRENT_DATE - 30
    ) AS conversations_30d,
    (
        SELECT COUNT(*) FROM messaging.whatsapp_messages AS m
        INNER JOIN messaging.whatsapp_conversations AS c ON c.id = m.conversation_id
        WHERE
            c.account_id = wa.id AND m.direction = 'outbound'
            AND m.created_at > CURRENT_DATE - 30
    ) AS messages_sent_30d,
    (
        SELECT COUNT(*) FROM messaging.whatsapp_messages AS m
        INNER JOIN messaging.whatsapp_conversations AS c ON c.id = m.conversation_id
        WHERE
            c.account_id = wa.id AND m.direction = 'inbound'
            AND m.created_at > CURRENT_DATE - 30
    ) AS messages_received_30d,
    (
        SELECT COUNT(*) FROM messaging.whatsapp_conversations AS c
        WHERE c.account_id = wa.id AND c.status = 'open'
    ) AS open_conversations
FROM messaging.whatsapp_accounts AS wa
WHERE wa.is_active = true;

ALTER VIEW messaging.vw_whatsapp_metrics OWNER TO app_owner;

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.vw_whatsapp_metrics TO app_user;

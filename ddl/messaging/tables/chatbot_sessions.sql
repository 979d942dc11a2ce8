-- Recorridos de un flujo de chatbot en una conversacion.
CREATE TABLE messaging.chatbot_sessions (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id UUID NOT NULL,
    flow_id UUID NOT NULL,

    -- Nodo actual, uno del flujo
    current_node_id UUID,
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

    -- De la fila de la que cuelga; quien no lo dice la obtiene de ella
    tenant_id UUID NOT NULL,

    CONSTRAINT fk_chatbot_sessions_conversation
    FOREIGN KEY (tenant_id, conversation_id)
    REFERENCES messaging.whatsapp_conversations (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_chatbot_sessions_flow
    FOREIGN KEY (tenant_id, flow_id) REFERENCES messaging.chatbot_flows (tenant_id, id),
    CONSTRAINT fk_chatbot_sessions_node
    FOREIGN KEY (tenant_id, flow_id, current_node_id)
    REFERENCES messaging.chatbot_nodes (tenant_id, flow_id, id),
    CONSTRAINT chk_chatbot_sessions_context CHECK (jsonb_typeof(context) = 'object'),
    CONSTRAINT chk_chatbot_sessions_messages CHECK (messages_processed >= 0),
    CONSTRAINT chk_chatbot_sessions_status CHECK (status IN (
        'active', 'waiting', 'completed', 'handoff', 'timeout', 'error'
    ))
);

ALTER TABLE messaging.chatbot_sessions OWNER TO app_owner;

CREATE INDEX idx_chatbot_sessions_by_conversation
    ON messaging.chatbot_sessions (tenant_id, conversation_id);
CREATE INDEX idx_chatbot_sessions_by_flow
    ON messaging.chatbot_sessions (tenant_id, flow_id, current_node_id);
CREATE INDEX idx_chatbot_sessions_status ON messaging.chatbot_sessions (status);
CREATE INDEX idx_chatbot_sessions_active ON messaging.chatbot_sessions (conversation_id, status)
    WHERE status IN ('active', 'waiting');

CREATE TRIGGER trg_chatbot_sessions_forget
    AFTER DELETE OR UPDATE OF conversation_id ON messaging.chatbot_sessions
    FOR EACH ROW
    EXECUTE FUNCTION messaging.forget_session();

CREATE TRIGGER trg_chatbot_sessions_tenant
    BEFORE INSERT OR UPDATE ON messaging.chatbot_sessions
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_conversation();

ALTER TABLE messaging.chatbot_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.chatbot_sessions FORCE ROW LEVEL SECURITY;

CREATE POLICY chatbot_sessions_tenant_isolation ON messaging.chatbot_sessions
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.chatbot_sessions IS 'Sesiones activas de chatbot por conversacion';
COMMENT ON COLUMN messaging.chatbot_sessions.context IS 'Variables recopiladas durante el flujo';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.chatbot_sessions TO app_user;

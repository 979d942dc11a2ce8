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

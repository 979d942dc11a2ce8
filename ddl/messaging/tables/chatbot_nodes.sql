-- Nodos de un flujo de chatbot.
CREATE TABLE messaging.chatbot_nodes (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    flow_id UUID NOT NULL,

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

    -- De la fila de la que cuelga; quien no lo dice la obtiene de ella
    tenant_id UUID NOT NULL,

    CONSTRAINT uq_chatbot_nodes UNIQUE (flow_id, node_key),
    CONSTRAINT uq_chatbot_nodes_tenant UNIQUE (tenant_id, flow_id, id),
    CONSTRAINT fk_chatbot_nodes_flow
    FOREIGN KEY (tenant_id, flow_id)
    REFERENCES messaging.chatbot_flows (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT chk_chatbot_nodes_config CHECK (jsonb_typeof(config) = 'object'),
    CONSTRAINT chk_chatbot_nodes_connections CHECK (jsonb_typeof(connections) = 'array'),
    CONSTRAINT chk_chatbot_nodes_position CHECK (jsonb_typeof(position) = 'object'),
    CONSTRAINT chk_chatbot_nodes_type CHECK (node_type IN (
        'send_message', 'ask_question', 'menu', 'condition',
        'action', 'delay', 'handoff', 'ai_response', 'webhook'
    ))
);

ALTER TABLE messaging.chatbot_nodes OWNER TO app_owner;

CREATE INDEX idx_chatbot_nodes_type ON messaging.chatbot_nodes (node_type);
CREATE INDEX idx_chatbot_nodes_start ON messaging.chatbot_nodes (flow_id, is_start)
    WHERE is_start = true;

CREATE TRIGGER trg_chatbot_nodes_updated_at
    BEFORE UPDATE ON messaging.chatbot_nodes
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER trg_chatbot_nodes_tenant
    BEFORE INSERT OR UPDATE ON messaging.chatbot_nodes
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_flow();

ALTER TABLE messaging.chatbot_nodes ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.chatbot_nodes FORCE ROW LEVEL SECURITY;

CREATE POLICY chatbot_nodes_tenant_isolation ON messaging.chatbot_nodes
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.chatbot_nodes IS 'Nodos de flujos de chatbot';
COMMENT ON COLUMN messaging.chatbot_nodes.node_key
    IS 'Identificador interno para referencias entre nodos';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.chatbot_nodes TO app_user;

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
    CONSTRAINT uq_chatbot_flows_tenant UNIQUE (tenant_id, id),
    CONSTRAINT chk_chatbot_flows_config CHECK (jsonb_typeof(trigger_config) = 'object'),
    CONSTRAINT chk_chatbot_flows_sessions CHECK (total_sessions >= 0 AND completed_sessions >= 0),
    CONSTRAINT chk_chatbot_flows_trigger CHECK (trigger_type IN (
        'keyword', 'first_message', 'menu_option', 'always', 'scheduled', 'manual'
    ))
);

ALTER TABLE messaging.chatbot_flows OWNER TO app_owner;

CREATE INDEX idx_chatbot_flows_active ON messaging.chatbot_flows (tenant_id, is_active)
    WHERE is_active = true;
CREATE INDEX idx_chatbot_flows_trigger ON messaging.chatbot_flows (trigger_type);

CREATE TRIGGER trg_chatbot_flows_updated_at
    BEFORE UPDATE ON messaging.chatbot_flows
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER trg_chatbot_flows_accounts
    AFTER INSERT OR UPDATE OF tenant_id, account_ids ON messaging.chatbot_flows
    FOR EACH ROW
    WHEN (NEW.account_ids IS NOT NULL)
    EXECUTE FUNCTION messaging.own_accounts();

CREATE TRIGGER trg_chatbot_flows_created_by
    AFTER INSERT OR UPDATE OF tenant_id, created_by ON messaging.chatbot_flows
    FOR EACH ROW
    WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION messaging.own_user();

ALTER TABLE messaging.chatbot_flows ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.chatbot_flows FORCE ROW LEVEL SECURITY;

CREATE POLICY chatbot_flows_tenant_isolation ON messaging.chatbot_flows
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.chatbot_flows IS 'Flujos de chatbot automatizado';
COMMENT ON COLUMN messaging.chatbot_flows.trigger_type
    IS 'Cuando se activa: keyword, first_message, menu_option, always, scheduled, manual';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.chatbot_flows TO app_user;

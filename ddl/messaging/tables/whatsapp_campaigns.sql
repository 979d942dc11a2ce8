-- Campanas de marketing: una plantilla para una audiencia.
CREATE TABLE messaging.whatsapp_campaigns (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id UUID NOT NULL REFERENCES core_tenants.tenants (id) ON DELETE CASCADE,
    account_id UUID NOT NULL,

    -- Identificacion
    name VARCHAR(100) NOT NULL,
    description VARCHAR(500),

    -- Plantilla, de la misma cuenta, y de donde sale cada variable: {"1": "contact.name"}
    template_id UUID NOT NULL,
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

    CONSTRAINT fk_whatsapp_campaigns_account
    FOREIGN KEY (tenant_id, account_id) REFERENCES messaging.whatsapp_accounts (tenant_id, id),
    CONSTRAINT fk_whatsapp_campaigns_template
    FOREIGN KEY (tenant_id, account_id, template_id)
    REFERENCES messaging.whatsapp_templates (tenant_id, account_id, id),
    CONSTRAINT chk_whatsapp_campaigns_params CHECK (jsonb_typeof(template_params) = 'object'),
    CONSTRAINT chk_whatsapp_campaigns_config CHECK (jsonb_typeof(audience_config) = 'object'),
    CONSTRAINT chk_whatsapp_campaigns_counts CHECK (
        total_recipients >= 0 AND sent_count >= 0 AND delivered_count >= 0
        AND read_count >= 0 AND failed_count >= 0 AND opt_out_count >= 0
    ),
    CONSTRAINT chk_whatsapp_campaigns_cost CHECK (estimated_cost >= 0),
    CONSTRAINT chk_whatsapp_campaigns_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT chk_whatsapp_campaigns_status CHECK (status IN (
        'draft', 'scheduled', 'sending', 'completed', 'paused', 'cancelled'
    )),
    CONSTRAINT chk_whatsapp_campaigns_audience CHECK (audience_type IN (
        'all_contacts', 'tagged', 'segment', 'custom_list'
    ))
);

ALTER TABLE messaging.whatsapp_campaigns OWNER TO app_owner;

CREATE INDEX idx_whatsapp_campaigns_by_template
    ON messaging.whatsapp_campaigns (tenant_id, account_id, template_id);
CREATE INDEX idx_whatsapp_campaigns_status ON messaging.whatsapp_campaigns (status);
CREATE INDEX idx_whatsapp_campaigns_scheduled ON messaging.whatsapp_campaigns (scheduled_at)
    WHERE status = 'scheduled';

CREATE TRIGGER trg_whatsapp_campaigns_created_by
    AFTER INSERT OR UPDATE OF tenant_id, created_by ON messaging.whatsapp_campaigns
    FOR EACH ROW
    WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION messaging.own_user();

CREATE TRIGGER trg_whatsapp_campaigns_updated_at
    BEFORE UPDATE ON messaging.whatsapp_campaigns
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

ALTER TABLE messaging.whatsapp_campaigns ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.whatsapp_campaigns FORCE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_campaigns_tenant_isolation ON messaging.whatsapp_campaigns
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.whatsapp_campaigns IS 'Campanas de marketing masivo por WhatsApp';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_campaigns TO app_user;

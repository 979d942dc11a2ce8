-- Plantillas de mensaje que Meta aprueba.
CREATE TABLE messaging.whatsapp_templates (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id UUID NOT NULL,

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

    -- De la fila de la que cuelga; quien no lo dice la obtiene de ella
    tenant_id UUID NOT NULL,

    CONSTRAINT uq_whatsapp_templates UNIQUE (account_id, name, language),
    CONSTRAINT uq_whatsapp_templates_tenant UNIQUE (tenant_id, account_id, id),
    CONSTRAINT fk_whatsapp_templates_account
    FOREIGN KEY (tenant_id, account_id)
    REFERENCES messaging.whatsapp_accounts (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT chk_whatsapp_templates_language CHECK (language ~ '^[a-z]{2,3}(_[A-Z]{2})?$'),
    CONSTRAINT chk_whatsapp_templates_components CHECK (jsonb_typeof(components) = 'array'),
    CONSTRAINT chk_whatsapp_templates_category CHECK (category IN (
        'MARKETING', 'UTILITY', 'AUTHENTICATION'
    )),
    CONSTRAINT chk_whatsapp_templates_status CHECK (status IN (
        'pending', 'approved', 'rejected', 'disabled', 'paused'
    ))
);

ALTER TABLE messaging.whatsapp_templates OWNER TO app_owner;

CREATE INDEX idx_whatsapp_templates_status ON messaging.whatsapp_templates (status);
CREATE INDEX idx_whatsapp_templates_category ON messaging.whatsapp_templates (category);

CREATE TRIGGER trg_whatsapp_templates_updated_at
    BEFORE UPDATE ON messaging.whatsapp_templates
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER trg_whatsapp_templates_created_by
    AFTER INSERT OR UPDATE OF tenant_id, created_by ON messaging.whatsapp_templates
    FOR EACH ROW
    WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION messaging.own_user();

CREATE TRIGGER trg_whatsapp_templates_tenant
    BEFORE INSERT OR UPDATE ON messaging.whatsapp_templates
    FOR EACH ROW
    WHEN (NEW.tenant_id IS NULL)
    EXECUTE FUNCTION messaging.tenant_of_account();

ALTER TABLE messaging.whatsapp_templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.whatsapp_templates FORCE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_templates_tenant_isolation ON messaging.whatsapp_templates
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.whatsapp_templates IS 'Templates de mensajes aprobados por Meta';
COMMENT ON COLUMN messaging.whatsapp_templates.components
    IS 'Estructura del template en formato Meta';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_templates TO app_user;

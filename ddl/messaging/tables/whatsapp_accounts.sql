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
    CONSTRAINT uq_whatsapp_accounts_tenant UNIQUE (tenant_id, id),
    CONSTRAINT chk_whatsapp_accounts_status CHECK (status IN (
        'pending', 'connected', 'disconnected', 'suspended', 'error'
    )),
    CONSTRAINT chk_whatsapp_accounts_quality CHECK (quality_rating IN (
        'unknown', 'green', 'yellow', 'red'
    )),
    CONSTRAINT chk_whatsapp_accounts_limit CHECK (messaging_limit IN (
        'tier_1', 'tier_2', 'tier_3', 'unlimited'
    )),
    CONSTRAINT chk_whatsapp_accounts_phone CHECK (phone_number ~ '^\+[1-9]\d{6,14}$')
);

ALTER TABLE messaging.whatsapp_accounts OWNER TO app_owner;

CREATE INDEX idx_whatsapp_accounts_phone ON messaging.whatsapp_accounts (phone_number);
CREATE INDEX idx_whatsapp_accounts_active ON messaging.whatsapp_accounts (tenant_id, is_active)
    WHERE is_active = true;

CREATE TRIGGER trg_whatsapp_accounts_updated_at
    BEFORE UPDATE ON messaging.whatsapp_accounts
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER trg_whatsapp_accounts_forget
    AFTER DELETE ON messaging.whatsapp_accounts
    FOR EACH ROW
    EXECUTE FUNCTION messaging.forget_account();

CREATE TRIGGER trg_whatsapp_accounts_created_by
    AFTER INSERT OR UPDATE OF tenant_id, created_by ON messaging.whatsapp_accounts
    FOR EACH ROW
    WHEN (NEW.created_by IS NOT NULL)
    EXECUTE FUNCTION messaging.own_user();

ALTER TABLE messaging.whatsapp_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.whatsapp_accounts FORCE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_accounts_tenant_isolation ON messaging.whatsapp_accounts
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.whatsapp_accounts
    IS 'Cuentas de WhatsApp Business conectadas (MGN-017)';
COMMENT ON COLUMN messaging.whatsapp_accounts.waba_id IS 'WhatsApp Business Account ID de Meta';
COMMENT ON COLUMN messaging.whatsapp_accounts.quality_rating
    IS 'Calidad de la cuenta: unknown, green, yellow, red';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_accounts TO app_user;

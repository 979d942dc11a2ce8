-- The companies that share the database. Every tenant boundary starts here.
CREATE TABLE core_tenants.tenants (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),

    name VARCHAR(200) NOT NULL,
    slug VARCHAR(63) NOT NULL,
    is_active BOOLEAN NOT NULL DEFAULT true,

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT uq_tenants_slug UNIQUE (slug),
    CONSTRAINT chk_tenants_slug CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$')
);

ALTER TABLE core_tenants.tenants OWNER TO app_owner;

CREATE TRIGGER trg_tenants_updated_at
    BEFORE UPDATE ON core_tenants.tenants
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER trg_tenants_forget
    BEFORE DELETE ON core_tenants.tenants
    FOR EACH ROW
    EXECUTE FUNCTION messaging.forget_tenant();

ALTER TABLE core_tenants.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE core_tenants.tenants FORCE ROW LEVEL SECURITY;

CREATE POLICY tenants_tenant_isolation ON core_tenants.tenants
    FOR ALL
    USING (id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE core_tenants.tenants IS 'Empresas que comparten la base de datos';
COMMENT ON COLUMN core_tenants.tenants.slug IS 'Nombre corto y unico, apto para una URL';

-- Tenants come and go by another hand than the application's.
GRANT SELECT ON core_tenants.tenants TO app_user;

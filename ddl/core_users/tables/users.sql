-- The people who work for a tenant.
CREATE TABLE core_users.users (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id UUID NOT NULL REFERENCES core_tenants.tenants (id) ON DELETE CASCADE,

    full_name VARCHAR(200) NOT NULL,
    email VARCHAR(254) NOT NULL,
    is_active BOOLEAN NOT NULL DEFAULT true,

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT uq_users_email UNIQUE (tenant_id, email),
    CONSTRAINT uq_users_tenant UNIQUE (tenant_id, id)
);

ALTER TABLE core_users.users OWNER TO app_owner;

CREATE TRIGGER trg_users_updated_at
    BEFORE UPDATE ON core_users.users
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

ALTER TABLE core_users.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE core_users.users FORCE ROW LEVEL SECURITY;

CREATE POLICY users_tenant_isolation ON core_users.users
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE core_users.users IS 'Usuarios de cada empresa';

GRANT SELECT, INSERT, UPDATE, DELETE ON core_users.users TO app_user;

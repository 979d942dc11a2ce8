-- The people who work for a tenant.
CREATE TABLE core_users.users (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id UUID NOT NULL REFERENCES core_tenants.tenants (id) ON DELETE CASCADE,

    full_name VARCHAR(200) NOT NULL,
    email VARCHAR(254) NOT NULL,
    is_active BOOLEAN NOT NULL DEFAULT true,

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT uq_users_email UNIQUE (tenant_id, email)
);

ALTER TABLE core_users.users OWNER TO app_owner;

CREATE TRIGGER trg_users_updated_at
    BEFORE UPDATE ON core_users.users
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

COMMENT ON TABLE core_users.users IS 'Usuarios de cada empresa';

GRANT SELECT, INSERT, UPDATE, DELETE ON core_users.users TO app_user;

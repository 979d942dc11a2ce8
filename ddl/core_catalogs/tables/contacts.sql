-- The people a tenant writes to. A contact that is deleted stays, with the time in deleted_at.
CREATE TABLE core_catalogs.contacts (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id UUID NOT NULL REFERENCES core_tenants.tenants (id) ON DELETE CASCADE,

    name VARCHAR(200) NOT NULL,
    email VARCHAR(254),
    whatsapp_number VARCHAR(20),

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at TIMESTAMPTZ,

    CONSTRAINT uq_contacts_tenant UNIQUE (tenant_id, id)
);

ALTER TABLE core_catalogs.contacts OWNER TO app_owner;

CREATE INDEX idx_contacts_whatsapp ON core_catalogs.contacts (tenant_id, whatsapp_number)
    WHERE deleted_at IS NULL;

CREATE TRIGGER trg_contacts_updated_at
    BEFORE UPDATE ON core_catalogs.contacts
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

ALTER TABLE core_catalogs.contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE core_catalogs.contacts FORCE ROW LEVEL SECURITY;

CREATE POLICY contacts_tenant_isolation ON core_catalogs.contacts
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE core_catalogs.contacts IS 'Contactos de cada empresa';
COMMENT ON COLUMN core_catalogs.contacts.whatsapp_number
    IS 'Numero con prefijo internacional, como llega de WhatsApp';
COMMENT ON COLUMN core_catalogs.contacts.deleted_at IS 'Borrado logico: cuando se elimino';

GRANT SELECT, INSERT, UPDATE, DELETE ON core_catalogs.contacts TO app_user;

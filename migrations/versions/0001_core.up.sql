-- 0001: what the messaging schema stands on. The roles, the tenants, their users and contacts.

-- The two roles of the application. Roles belong to the whole cluster: another database may have
-- made them already, may be making them in this moment, or dropping them.
--
--   app_owner  owns every schema, table, view and function; nobody logs in as it.
--   app_user   what the application logs in as: reads and writes rows, owns nothing.
--
-- Both keep the defaults NOSUPERUSER, NOCREATEROLE and NOBYPASSRLS. A role that exists is taken as
-- it is: who made it may have reasons.
DO $$
DECLARE
    v_role TEXT;
BEGIN
    FOR v_attempt IN 1..10 LOOP
        -- Asked first, so that roles which exist need no CREATEROLE. Two sessions may both find
        -- one missing: the slower of them is told that it exists now.
        FOREACH v_role IN ARRAY ARRAY['app_user', 'app_owner'] LOOP
            IF to_regrole(v_role) IS NULL THEN
                BEGIN
                    EXECUTE format(
                        'CREATE ROLE %I %s', v_role,
                        CASE v_role WHEN 'app_user' THEN 'LOGIN' ELSE 'NOLOGIN' END
                    );
                EXCEPTION
                    WHEN duplicate_object OR unique_violation THEN NULL;
                END;
            END IF;
        END LOOP;

        BEGIN
            -- A grant locks the role it names until the transaction ends, and a locked role is
            -- not dropped: without this, a down in another database could take a role away
            -- before the first object here depends on it. One after the other, in the order in
            -- which the down drops them, so that the two never wait for each other.
            CREATE SCHEMA app_roles_held;
            GRANT USAGE ON SCHEMA app_roles_held TO app_user;
            GRANT USAGE ON SCHEMA app_roles_held TO app_owner;
            DROP SCHEMA app_roles_held;

            -- To hand an object over one must be able to become the role that gets it; to go on
            -- working on it, have that role's rights. From 16 on, having made the role gives
            -- neither, and the words that ask for them are unknown before.
            IF current_setting('server_version_num')::INT < 160000 THEN
                IF NOT pg_has_role('app_owner', 'USAGE') THEN
                    GRANT app_owner TO CURRENT_USER;
                END IF;
            ELSIF NOT (pg_has_role('app_owner', 'USAGE') AND pg_has_role('app_owner', 'SET')) THEN
                EXECUTE 'GRANT app_owner TO CURRENT_USER WITH INHERIT TRUE, SET TRUE';
            END IF;

            RETURN;
        EXCEPTION
            -- Dropped between the two steps, or granted by a twin: look again.
            WHEN undefined_object OR unique_violation THEN NULL;
        END;
    END LOOP;

    RAISE EXCEPTION 'roles app_user and app_owner are dropped as fast as they are made'
        USING HINT = 'Another database of this cluster undoes its first revision. Try again.';
END;
$$;

-- Schema public is there already. Its trigger function belongs to app_owner, and to own something
-- in a schema a role must be allowed to make it there.
GRANT CREATE ON SCHEMA public TO app_owner;

-- Stamps a row with the time of the transaction that changes it. For BEFORE UPDATE triggers on
-- tables with a column updated_at.
CREATE OR REPLACE FUNCTION public.update_updated_at_column()
RETURNS TRIGGER
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;

ALTER FUNCTION public.update_updated_at_column() OWNER TO app_owner;
GRANT EXECUTE ON FUNCTION public.update_updated_at_column() TO app_user;

CREATE SCHEMA core_tenants AUTHORIZATION app_owner;

GRANT USAGE ON SCHEMA core_tenants TO app_user;

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

COMMENT ON TABLE core_tenants.tenants IS 'Empresas que comparten la base de datos';
COMMENT ON COLUMN core_tenants.tenants.slug IS 'Nombre corto y unico, apto para una URL';

GRANT SELECT, INSERT, UPDATE, DELETE ON core_tenants.tenants TO app_user;

CREATE SCHEMA core_users AUTHORIZATION app_owner;

GRANT USAGE ON SCHEMA core_users TO app_user;

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

CREATE SCHEMA core_catalogs AUTHORIZATION app_owner;

GRANT USAGE ON SCHEMA core_catalogs TO app_user;

-- The people a tenant writes to. A contact that is deleted stays, with the time in deleted_at.
CREATE TABLE core_catalogs.contacts (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id UUID NOT NULL REFERENCES core_tenants.tenants (id) ON DELETE CASCADE,

    name VARCHAR(200) NOT NULL,
    email VARCHAR(254),
    whatsapp_number VARCHAR(20),

    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at TIMESTAMPTZ
);

ALTER TABLE core_catalogs.contacts OWNER TO app_owner;

CREATE INDEX idx_contacts_tenant ON core_catalogs.contacts (tenant_id);
CREATE INDEX idx_contacts_whatsapp ON core_catalogs.contacts (tenant_id, whatsapp_number)
    WHERE deleted_at IS NULL;

CREATE TRIGGER trg_contacts_updated_at
    BEFORE UPDATE ON core_catalogs.contacts
    FOR EACH ROW
    EXECUTE FUNCTION public.update_updated_at_column();

COMMENT ON TABLE core_catalogs.contacts IS 'Contactos de cada empresa';
COMMENT ON COLUMN core_catalogs.contacts.whatsapp_number
    IS 'Numero con prefijo internacional, como llega de WhatsApp';
COMMENT ON COLUMN core_catalogs.contacts.deleted_at IS 'Borrado logico: cuando se elimino';

GRANT SELECT, INSERT, UPDATE, DELETE ON core_catalogs.contacts TO app_user;

-- uuid-ossp's functions on a server without a UUID library: every signature exists, so that schemas
-- load. Versions 3 and 4 work; 1 and 5 want what SQL has not and raise 0A000 when called.

CREATE FUNCTION uuid_nil() RETURNS UUID
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN '00000000-0000-0000-0000-000000000000'::UUID;

CREATE FUNCTION uuid_ns_dns() RETURNS UUID
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID;

CREATE FUNCTION uuid_ns_url() RETURNS UUID
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::UUID;

CREATE FUNCTION uuid_ns_oid() RETURNS UUID
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::UUID;

CREATE FUNCTION uuid_ns_x500() RETURNS UUID
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::UUID;

CREATE FUNCTION uuid_generate_v4() RETURNS UUID
    LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
    RETURN pg_catalog.gen_random_uuid();

CREATE FUNCTION uuid_generate_v3(namespace UUID, name TEXT) RETURNS UUID
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    bytes pg_catalog.bytea := pg_catalog.decode(
        pg_catalog.md5(
            pg_catalog.uuid_send(namespace)
            || pg_catalog.convert_to(name, pg_catalog.getdatabaseencoding()::pg_catalog.name)
        ),
        'hex'
    );
BEGIN
    bytes := pg_catalog.set_byte(bytes, 6, pg_catalog.get_byte(bytes, 6) & 15 | 48);
    bytes := pg_catalog.set_byte(bytes, 8, pg_catalog.get_byte(bytes, 8) & 63 | 128);
    RETURN pg_catalog.encode(bytes, 'hex')::pg_catalog.uuid;
END
$$;

DO $do$
DECLARE
    missing record;
BEGIN
    FOR missing IN
        SELECT *
        FROM (
            VALUES
            ('uuid_generate_v1()', 'VOLATILE'),
            ('uuid_generate_v1mc()', 'VOLATILE'),
            ('uuid_generate_v5(namespace uuid, name text)', 'IMMUTABLE')
        ) AS f (signature, volatility)
    LOOP
        EXECUTE pg_catalog.format(
            $create$
            CREATE FUNCTION %s RETURNS uuid LANGUAGE plpgsql %s STRICT PARALLEL SAFE
            AS $body$
            BEGIN
                RAISE EXCEPTION '%% is not available in the embedded server', %L
                    USING ERRCODE = 'feature_not_supported',
                    HINT = 'Run a PostgreSQL that has uuid-ossp: '
                        'ringfence db start --server-version MAJOR';
            END
            $body$
            $create$,
            missing.signature, missing.volatility, missing.signature
        );
    END LOOP;
END
$do$;

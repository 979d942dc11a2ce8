-- pgcrypto's functions on a server without OpenSSL: every signature exists, so that schemas load.
-- Hashes, HMAC and random bytes work; what needs a cipher, bcrypt or PGP raises 0A000 when called.

CREATE FUNCTION digest(BYTEA, TEXT) RETURNS BYTEA
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    CASE pg_catalog.lower($2)
        WHEN 'md5' THEN RETURN pg_catalog.decode(pg_catalog.md5($1), 'hex');
        WHEN 'sha224' THEN RETURN pg_catalog.sha224($1);
        WHEN 'sha256' THEN RETURN pg_catalog.sha256($1);
        WHEN 'sha384' THEN RETURN pg_catalog.sha384($1);
        WHEN 'sha512' THEN RETURN pg_catalog.sha512($1);
        WHEN 'sha1' THEN
            RAISE EXCEPTION 'the digest sha1 is not available in the embedded server'
                USING ERRCODE = 'feature_not_supported',
                HINT = 'Run a PostgreSQL that has pgcrypto: '
                    'ringfence db start --server-version MAJOR';
        ELSE
            RAISE EXCEPTION 'Cannot use "%": No such hash algorithm', $2
                USING ERRCODE = 'invalid_parameter_value';
    END CASE;
END
$$;

CREATE FUNCTION digest(TEXT, TEXT) RETURNS BYTEA
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN digest(
        pg_catalog.convert_to($1, pg_catalog.getdatabaseencoding()::pg_catalog.name), $2
    );

CREATE FUNCTION hmac(BYTEA, BYTEA, TEXT) RETURNS BYTEA
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    -- Found through the function itself: the extension may be moved to another schema.
    hash pg_catalog.text := (
        SELECT pg_catalog.format('SELECT %I.digest($1, $2)', n.nspname)
        FROM pg_catalog.pg_extension AS e
        JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'pgcrypto'
    );
    size pg_catalog.int4 := CASE
        WHEN pg_catalog.lower($3) IN ('sha384', 'sha512') THEN 128
        ELSE 64
    END;
    key pg_catalog.bytea := $2;
    inner_pad pg_catalog.bytea := pg_catalog.decode(pg_catalog.repeat('36', size), 'hex');
    outer_pad pg_catalog.bytea := pg_catalog.decode(pg_catalog.repeat('5c', size), 'hex');
    digested pg_catalog.bytea;
BEGIN
    IF pg_catalog.length(key) > size THEN
        EXECUTE hash INTO key USING key, $3;
    END IF;
    FOR i IN 0 .. pg_catalog.length(key) - 1 LOOP
        inner_pad := pg_catalog.set_byte(inner_pad, i, pg_catalog.get_byte(key, i) # 54);
        outer_pad := pg_catalog.set_byte(outer_pad, i, pg_catalog.get_byte(key, i) # 92);
    END LOOP;
    EXECUTE hash INTO digested USING inner_pad || $1, $3;
    EXECUTE hash INTO digested USING outer_pad || digested, $3;
    RETURN digested;
END
$$;

CREATE FUNCTION hmac(TEXT, TEXT, TEXT) RETURNS BYTEA
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN hmac(
        pg_catalog.convert_to($1, pg_catalog.getdatabaseencoding()::pg_catalog.name),
        pg_catalog.convert_to($2, pg_catalog.getdatabaseencoding()::pg_catalog.name),
        $3
    );

CREATE FUNCTION gen_random_uuid() RETURNS UUID
    LANGUAGE sql VOLATILE PARALLEL SAFE
    RETURN pg_catalog.gen_random_uuid();

-- A version 4 UUID holds 122 random bits: two of them, hashed, make 32 bytes that nobody guesses.
CREATE FUNCTION gen_random_bytes(INT4) RETURNS BYTEA
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE
AS $$
DECLARE
    bytes pg_catalog.bytea := '';
BEGIN
    IF $1 < 1 OR $1 > 1024 THEN
        RAISE EXCEPTION 'Length not in range'
            USING ERRCODE = 'external_routine_invocation_exception';
    END IF;
    WHILE pg_catalog.length(bytes) < $1 LOOP
        bytes := bytes || pg_catalog.sha256(
            pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
            || pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
        );
    END LOOP;
    RETURN pg_catalog.substr(bytes, 1, $1);
END
$$;

CREATE FUNCTION fips_mode() RETURNS BOOL
    LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
    RETURN false;

-- The rest, one a line: signature, what it returns, how volatile it is.
DO $do$
DECLARE
    missing record;
BEGIN
    FOR missing IN
        SELECT *
        FROM (
            VALUES
            ('crypt(text, text)', 'text', 'IMMUTABLE'),
            ('gen_salt(text)', 'text', 'VOLATILE'),
            ('gen_salt(text, int4)', 'text', 'VOLATILE'),
            ('encrypt(bytea, bytea, text)', 'bytea', 'IMMUTABLE'),
            ('decrypt(bytea, bytea, text)', 'bytea', 'IMMUTABLE'),
            ('encrypt_iv(bytea, bytea, bytea, text)', 'bytea', 'IMMUTABLE'),
            ('decrypt_iv(bytea, bytea, bytea, text)', 'bytea', 'IMMUTABLE'),
            ('pgp_sym_encrypt(text, text)', 'bytea', 'VOLATILE'),
            ('pgp_sym_encrypt_bytea(bytea, text)', 'bytea', 'VOLATILE'),
            ('pgp_sym_encrypt(text, text, text)', 'bytea', 'VOLATILE'),
            ('pgp_sym_encrypt_bytea(bytea, text, text)', 'bytea', 'VOLATILE'),
            ('pgp_sym_decrypt(bytea, text)', 'text', 'IMMUTABLE'),
            ('pgp_sym_decrypt_bytea(bytea, text)', 'bytea', 'IMMUTABLE'),
            ('pgp_sym_decrypt(bytea, text, text)', 'text', 'IMMUTABLE'),
            ('pgp_sym_decrypt_bytea(bytea, text, text)', 'bytea', 'IMMUTABLE'),
            ('pgp_pub_encrypt(text, bytea)', 'bytea', 'VOLATILE'),
            ('pgp_pub_encrypt_bytea(bytea, bytea)', 'bytea', 'VOLATILE'),
            ('pgp_pub_encrypt(text, bytea, text)', 'bytea', 'VOLATILE'),
            ('pgp_pub_encrypt_bytea(bytea, bytea, text)', 'bytea', 'VOLATILE'),
            ('pgp_pub_decrypt(bytea, bytea)', 'text', 'IMMUTABLE'),
            ('pgp_pub_decrypt_bytea(bytea, bytea)', 'bytea', 'IMMUTABLE'),
            ('pgp_pub_decrypt(bytea, bytea, text)', 'text', 'IMMUTABLE'),
            ('pgp_pub_decrypt_bytea(bytea, bytea, text)', 'bytea', 'IMMUTABLE'),
            ('pgp_pub_decrypt(bytea, bytea, text, text)', 'text', 'IMMUTABLE'),
            ('pgp_pub_decrypt_bytea(bytea, bytea, text, text)', 'bytea', 'IMMUTABLE'),
            ('pgp_key_id(bytea)', 'text', 'IMMUTABLE'),
            ('armor(bytea)', 'text', 'IMMUTABLE'),
            ('armor(bytea, text[], text[])', 'text', 'IMMUTABLE'),
            ('dearmor(text)', 'bytea', 'IMMUTABLE'),
            (
                'pgp_armor_headers(text, key OUT text, value OUT text)', 'SETOF record',
                'IMMUTABLE'
            )
        ) AS f (signature, result, volatility)
    LOOP
        EXECUTE pg_catalog.format(
            $create$
            CREATE FUNCTION %s RETURNS %s LANGUAGE plpgsql %s STRICT PARALLEL SAFE
            AS $body$
            BEGIN
                RAISE EXCEPTION '%% is not available in the embedded server', %L
                    USING ERRCODE = 'feature_not_supported',
                    HINT = 'Run a PostgreSQL that has pgcrypto: '
                        'ringfence db start --server-version MAJOR';
            END
            $body$
            $create$,
            missing.signature, missing.result, missing.volatility, missing.signature
        );
    END LOOP;
END
$do$;

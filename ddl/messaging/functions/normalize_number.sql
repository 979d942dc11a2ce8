-- A telephone number as conversations are found by: `+` and digits. Meta leaves the `+` out, people
-- put 00, blanks and brackets. What is no number (a WhatsApp ID may be anything) stays as it is.
CREATE OR REPLACE FUNCTION messaging.normalize_number(p_number VARCHAR)
RETURNS VARCHAR
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN p_number ~ '^[+0-9 ().-]+$' AND digits.only ~ '^[1-9][0-9]{6,14}$'
            THEN '+' || digits.only
        ELSE p_number
    END
    FROM (
        SELECT regexp_replace(regexp_replace(p_number, '[^0-9]', '', 'g'), '^00', '') AS only
    ) AS digits;
$$;

ALTER FUNCTION messaging.normalize_number(VARCHAR) OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.normalize_number(VARCHAR) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION messaging.normalize_number(VARCHAR) TO app_user;

-- Trigger: who inserts below an account and names no tenant, as 1.0 did, means the account's.
CREATE OR REPLACE FUNCTION messaging.tenant_of_account()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT a.tenant_id INTO NEW.tenant_id
    FROM messaging.whatsapp_accounts AS a WHERE a.id = NEW.account_id;
    IF NEW.tenant_id IS NULL AND NEW.account_id IS NOT NULL THEN
        RAISE EXCEPTION 'no account % for a row of %', NEW.account_id, TG_TABLE_NAME
            USING ERRCODE = 'foreign_key_violation',
                HINT = 'Is app.tenant_id set to the tenant whose account it is?';
    END IF;
    RETURN NEW;
END;
$$;

ALTER FUNCTION messaging.tenant_of_account() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.tenant_of_account() FROM PUBLIC;

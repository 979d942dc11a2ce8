-- Trigger: the accounts a flow is for are its tenant's. They are locked as a foreign key locks, so
-- that none of them goes before the flow is written.
CREATE OR REPLACE FUNCTION messaging.own_accounts()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_account UUID;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.tenant_id, NEW.account_ids) IS NOT DISTINCT FROM (OLD.tenant_id, OLD.account_ids) THEN
            RETURN NULL;
        END IF;
    END IF;

    FOREACH v_account IN ARRAY NEW.account_ids LOOP
        PERFORM FROM messaging.whatsapp_accounts AS a
        WHERE a.tenant_id = NEW.tenant_id AND a.id = v_account
        FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'account_ids of chatbot_flows names no account of its tenant: %', v_account
                USING ERRCODE = 'foreign_key_violation', COLUMN = 'account_ids';
        END IF;
    END LOOP;
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.own_accounts() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.own_accounts() FROM PUBLIC;

-- Trigger: an account that goes is in no flow's list any more. A list that gets empty stays one: it
-- means no account, where NULL means all.
CREATE OR REPLACE FUNCTION messaging.forget_account()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE messaging.chatbot_flows
    SET account_ids = array_remove(account_ids, OLD.id)
    WHERE tenant_id = OLD.tenant_id AND account_ids @> ARRAY[OLD.id];
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.forget_account() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.forget_account() FROM PUBLIC;

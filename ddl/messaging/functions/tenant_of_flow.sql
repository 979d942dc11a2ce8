-- Trigger: who inserts into a flow and names no tenant, as version 1.0 did, means the flow's.
CREATE OR REPLACE FUNCTION messaging.tenant_of_flow()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT f.tenant_id INTO NEW.tenant_id
    FROM messaging.chatbot_flows AS f WHERE f.id = NEW.flow_id;
    IF NEW.tenant_id IS NULL AND NEW.flow_id IS NOT NULL THEN
        RAISE EXCEPTION 'no flow % for a row of %', NEW.flow_id, TG_TABLE_NAME
            USING ERRCODE = 'foreign_key_violation',
                HINT = 'Is app.tenant_id set to the tenant whose flow it is?';
    END IF;
    RETURN NEW;
END;
$$;

ALTER FUNCTION messaging.tenant_of_flow() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.tenant_of_flow() FROM PUBLIC;

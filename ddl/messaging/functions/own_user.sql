-- Trigger: created_by names a user of the same tenant. It is no foreign key, for a user may go and
-- what they made stays.
CREATE OR REPLACE FUNCTION messaging.own_user()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.tenant_id, NEW.created_by) IS NOT DISTINCT FROM (OLD.tenant_id, OLD.created_by) THEN
            RETURN NULL;
        END IF;
    END IF;

    PERFORM FROM core_users.users AS u
    WHERE u.tenant_id = NEW.tenant_id AND u.id = NEW.created_by;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'created_by of % is no user of its tenant: %', TG_TABLE_NAME, NEW.created_by
            USING ERRCODE = 'foreign_key_violation', COLUMN = 'created_by';
    END IF;
    RETURN NULL;
END;
$$;

ALTER FUNCTION messaging.own_user() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.own_user() FROM PUBLIC;

-- Undoes 0001, rows and all. One by one and without CASCADE: something made later that hangs on
-- one of these stops the down, it is not swept away.
DROP TABLE core_catalogs.contacts;
DROP SCHEMA core_catalogs;

DROP TABLE core_users.users;
DROP SCHEMA core_users;

DROP TABLE core_tenants.tenants;
DROP SCHEMA core_tenants;

DROP FUNCTION public.update_updated_at_column();
REVOKE CREATE ON SCHEMA public FROM app_owner;

-- The roles belong to the whole cluster and go with the last database that uses them: PostgreSQL
-- knows who depends on a role, we ask it by trying. First app_user, as the up takes hold of them.
DO $$
DECLARE
    v_role TEXT;
    v_lock_timeout TEXT := current_setting('lock_timeout');
BEGIN
    FOREACH v_role IN ARRAY ARRAY['app_user', 'app_owner'] LOOP
        IF to_regrole(v_role) IS NULL THEN
            CONTINUE;
        END IF;

        BEGIN
            -- An up in another database that is not committed yet holds a lock on the role. That
            -- is use enough: no reason to wait for its end.
            PERFORM set_config('lock_timeout', '500ms', true);
            EXECUTE format('DROP ROLE %I', v_role);
        EXCEPTION
            WHEN dependent_objects_still_exist OR object_in_use OR lock_not_available THEN
                RAISE NOTICE 'role % stays: it is used elsewhere', v_role;
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'role % stays: % may not drop it', v_role, CURRENT_USER;
            WHEN undefined_object THEN
                NULL;
            WHEN internal_error THEN
                -- "tuple concurrently deleted": a twin of this down was faster.
                IF to_regrole(v_role) IS NOT NULL THEN
                    RAISE;
                END IF;
        END;
    END LOOP;

    PERFORM set_config('lock_timeout', v_lock_timeout, true);
END;
$$;

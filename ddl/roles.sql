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

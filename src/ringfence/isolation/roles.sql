-- A row is a role, with the roles that it can become, and those whose rights it has.
SELECT
    r.rolname AS name,
    r.rolsuper AS superuser,
    r.rolbypassrls AS bypasses,
    r.rolcanlogin AS logs_in,
    ARRAY(
        SELECT m.rolname FROM pg_roles AS m
        WHERE
            m.oid <> r.oid
            AND NOT r.rolsuper
            AND pg_has_role(
                r.oid, m.oid,
                CASE
                    WHEN current_setting('server_version_num')::INT >= 160000 THEN 'SET'
                    ELSE 'MEMBER'
                END
            )
        ORDER BY m.rolname
    ) AS becomes,
    ARRAY(
        SELECT m.rolname FROM pg_roles AS m
        WHERE m.oid <> r.oid AND NOT r.rolsuper AND pg_has_role(r.oid, m.oid, 'USAGE')
        ORDER BY m.rolname
    ) AS inherits
FROM pg_roles AS r
ORDER BY r.rolname;

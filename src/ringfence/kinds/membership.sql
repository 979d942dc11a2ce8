-- A row is a membership of a role that somebody made in another role.
SELECT
    'pg_auth_members'::REGCLASS::OID AS classid,
    m.roleid AS objid,
    m.member::BIGINT::INTEGER AS objsubid,
    ARRAY[
        pg_catalog.pg_get_userbyid(m.roleid)::TEXT, pg_catalog.pg_get_userbyid(m.member)::TEXT
    ] AS name,
    m.admin_option AS admin
FROM pg_catalog.pg_auth_members AS m
WHERE m.member >= 16384;

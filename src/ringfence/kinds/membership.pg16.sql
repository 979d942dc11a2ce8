-- A row is a membership of a role that somebody made in another role, as one role granted it.
SELECT
    'pg_auth_members'::REGCLASS::OID AS classid,
    m.oid AS objid,
    0 AS objsubid,
    ARRAY[
        pg_catalog.pg_get_userbyid(m.roleid)::TEXT,
        pg_catalog.pg_get_userbyid(m.member)::TEXT,
        pg_catalog.pg_get_userbyid(m.grantor)::TEXT
    ] AS name,
    m.admin_option AS admin,
    m.inherit_option AS inherit,
    NOT m.set_option AS no_set
FROM pg_catalog.pg_auth_members AS m
WHERE m.member >= 16384;

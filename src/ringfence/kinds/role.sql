-- A row is a role that somebody made. The view hides passwords.
SELECT
    'pg_authid'::REGCLASS::OID AS classid,
    r.oid AS objid,
    0 AS objsubid,
    ARRAY[r.rolname::TEXT] AS name,
    r.rolsuper AS superuser,
    r.rolcreatedb AS create_database,
    r.rolcreaterole AS create_role,
    NOT r.rolinherit AS no_inherit,
    r.rolcanlogin AS login,
    r.rolreplication AS replication,
    r.rolbypassrls AS bypass_row_security,
    CASE WHEN r.rolconnlimit <> -1 THEN r.rolconnlimit::TEXT END AS connection_limit,
    NULLIF(r.rolvaliduntil, 'infinity')::TEXT AS valid_until
FROM pg_catalog.pg_roles AS r
WHERE r.oid >= 16384;

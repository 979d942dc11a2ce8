-- A row is a setting of a role, or of this database, or of a role in this database.
SELECT
    'pg_db_role_setting'::REGCLASS::OID AS classid,
    s.setrole AS objid,
    0 AS objsubid,
    ARRAY[
        CASE WHEN s.setrole = 0 THEN '' ELSE r.rolname::TEXT END,
        CASE WHEN s.setdatabase = 0 THEN '' ELSE 'database' END,
        split_part(c.c, '=', 1)
    ] AS name,
    substr(c.c, position('=' IN c.c) + 1) AS value
FROM pg_catalog.pg_db_role_setting AS s
LEFT JOIN pg_catalog.pg_roles AS r ON s.setrole = r.oid
LEFT JOIN pg_catalog.pg_database AS d ON s.setdatabase = d.oid
CROSS JOIN LATERAL unnest(s.setconfig) AS c (c)
WHERE
    (s.setrole = 0 OR s.setrole >= 16384)
    AND (s.setdatabase = 0 OR d.datname = current_database());

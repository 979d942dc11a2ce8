-- A row is a mapping of a role, or of everybody, to a user of a foreign server. The view shows the
-- options to those alone who may know them.
SELECT
    'pg_user_mapping'::REGCLASS::OID AS classid,
    u.umid AS objid,
    0 AS objsubid,
    ARRAY[u.srvname::TEXT, u.usename::TEXT] AS name,
    (
        SELECT
            array_agg(
                CASE
                    WHEN
                        split_part(o.o, '=', 1)
                        ~* 'passw|passphrase|secret|token|credential|(private|api|access)_?key'
                        THEN split_part(o.o, '=', 1) || '=********'
                    ELSE o.o
                END
                ORDER BY o.o
            )
        FROM unnest(u.umoptions) AS o (o)
    ) AS options
FROM pg_catalog.pg_user_mappings AS u
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_user_mapping'::REGCLASS AND u.umid = e.objid
WHERE e.objid IS NULL;

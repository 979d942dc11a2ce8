-- A row is a foreign server.
SELECT
    'pg_foreign_server'::REGCLASS::OID AS classid,
    s.oid AS objid,
    0 AS objsubid,
    ARRAY[s.srvname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(s.srvowner) AS owner,
    s.srvacl::TEXT[] AS acl,
    f.fdwname::TEXT AS wrapper,
    s.srvtype AS type,
    s.srvversion AS version,
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
        FROM unnest(s.srvoptions) AS o (o)
    ) AS options
FROM pg_catalog.pg_foreign_server AS s
INNER JOIN pg_catalog.pg_foreign_data_wrapper AS f ON s.srvfdw = f.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_foreign_server'::REGCLASS AND s.oid = e.objid
WHERE e.objid IS NULL;

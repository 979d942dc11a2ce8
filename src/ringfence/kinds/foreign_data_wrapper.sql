-- A row is a foreign data wrapper that somebody made.
SELECT
    'pg_foreign_data_wrapper'::REGCLASS::OID AS classid,
    f.oid AS objid,
    0 AS objsubid,
    ARRAY[f.fdwname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(f.fdwowner) AS owner,
    f.fdwacl::TEXT[] AS acl,
    CASE WHEN f.fdwhandler <> 0 THEN f.fdwhandler::REGPROC::TEXT END AS handler,
    CASE WHEN f.fdwvalidator <> 0 THEN f.fdwvalidator::REGPROC::TEXT END AS validator,
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
        FROM unnest(f.fdwoptions) AS o (o)
    ) AS options
FROM pg_catalog.pg_foreign_data_wrapper AS f
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_foreign_data_wrapper'::REGCLASS AND f.oid = e.objid
WHERE f.oid >= 16384 AND e.objid IS NULL;

-- A row is a foreign table.
SELECT
    'pg_class'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(c.relowner) AS owner,
    c.relacl::TEXT[] AS acl,
    s.srvname::TEXT AS server,
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
        FROM unnest(f.ftoptions) AS o (o)
    ) AS options
FROM pg_catalog.pg_foreign_table AS f
INNER JOIN pg_catalog.pg_class AS c ON f.ftrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_catalog.pg_foreign_server AS s ON f.ftserver = s.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

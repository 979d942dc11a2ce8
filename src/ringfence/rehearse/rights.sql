-- What roles may do with a relation, a sequence or a routine that somebody granted them, or roles
-- they belong to, something of, or that is theirs. `columns` are those they may do it with, where
-- that is not all; `owned` is the OID of what the role itself owns. PUBLIC is one of them.
WITH roles AS (
    SELECT
        r.oid,
        r.rolname,
        n.oid AS schema_oid,
        n.nspname
    FROM
        (
            SELECT
                s.oid,
                s.rolname
            FROM pg_roles AS s
            WHERE NOT s.rolsuper AND s.rolname !~ '^pg_'
            UNION ALL
            SELECT
                0::OID AS oid,
                'PUBLIC' AS rolname
        ) AS r
    CROSS JOIN pg_namespace AS n
    WHERE
        n.nspname !~ '^pg_'
        AND n.nspname <> 'information_schema'
        AND HAS_SCHEMA_PRIVILEGE(r.oid, n.oid, 'USAGE')
)

SELECT
    r.nspname AS schema,
    c.relname AS name,
    c.relkind::TEXT AS kind,
    r.rolname AS role,
    p.privilege,
    CASE
        WHEN
            p.privilege IN ('DELETE', 'USAGE')
            OR HAS_TABLE_PRIVILEGE(r.oid, c.oid, p.privilege)
            THEN NULL
        ELSE
            ARRAY(
                SELECT a.attname::TEXT
                FROM pg_attribute AS a
                WHERE
                    a.attrelid = c.oid
                    AND a.attnum > 0
                    AND NOT a.attisdropped
                    AND HAS_COLUMN_PRIVILEGE(r.oid, c.oid, a.attnum, p.privilege)
                ORDER BY a.attnum
            )
    END AS columns,
    '' AS arguments,
    CASE WHEN c.relowner = r.oid THEN c.oid::BIGINT END AS owned
FROM pg_class AS c
INNER JOIN roles AS r ON c.relnamespace = r.schema_oid
INNER JOIN (
    VALUES
    ('rpvm', 'SELECT'), ('rpvm', 'INSERT'), ('rpvm', 'UPDATE'), ('rpvm', 'DELETE'), ('S', 'USAGE')
) AS p (kinds, privilege) ON POSITION(c.relkind IN p.kinds) > 0
WHERE
    CASE p.privilege
        WHEN 'USAGE' THEN HAS_SEQUENCE_PRIVILEGE(r.oid, c.oid, 'USAGE')
        WHEN 'DELETE' THEN HAS_TABLE_PRIVILEGE(r.oid, c.oid, p.privilege)
        ELSE HAS_ANY_COLUMN_PRIVILEGE(r.oid, c.oid, p.privilege)
    END
UNION ALL
SELECT
    r.nspname AS schema,
    f.proname AS name,
    'f' AS kind,
    r.rolname AS role,
    'EXECUTE' AS privilege,
    NULL AS columns,
    ARRAY_TO_STRING(
        ARRAY(
            SELECT FORMAT_TYPE(u.type, NULL)
            FROM UNNEST(f.proargtypes) WITH ORDINALITY AS u (type, place)
            ORDER BY u.place
        ),
        ', '
    ) AS arguments,
    CASE WHEN f.proowner = r.oid THEN f.oid::BIGINT END AS owned
FROM pg_proc AS f
INNER JOIN roles AS r ON f.pronamespace = r.schema_oid
WHERE
    f.prokind IN ('f', 'p')
    AND f.prorettype NOT IN ('trigger'::REGTYPE, 'event_trigger'::REGTYPE)
    AND HAS_FUNCTION_PRIVILEGE(r.oid, f.oid, 'EXECUTE')
ORDER BY schema, name, arguments, role, privilege;

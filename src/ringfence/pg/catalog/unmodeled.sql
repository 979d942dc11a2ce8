-- A row is an object, or an attribute of one, that ringfence does not model.
WITH
members AS (
    SELECT
        d.classid,
        d.objid,
        x.extname
    FROM pg_catalog.pg_depend AS d
    INNER JOIN pg_catalog.pg_extension AS x ON d.refobjid = x.oid
    WHERE d.refclassid = 'pg_extension'::REGCLASS AND d.deptype = 'e'
),

system AS MATERIALIZED (
    SELECT array_agg(n.oid) AS oids
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname IN ('pg_catalog', 'information_schema')
),

-- Looked through once, for it is long.
columns AS MATERIALIZED (
    SELECT
        a.attrelid,
        a.attnum,
        a.attname,
        a.attacl
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
),

granted AS (
    SELECT
        'pg_proc'::REGCLASS::OID AS classid,
        p.oid AS objid,
        0 AS objsubid,
        p.proacl AS acl
    FROM pg_catalog.pg_proc AS p
    WHERE p.proacl IS NOT NULL
    UNION ALL
    SELECT
        'pg_class'::REGCLASS,
        c.oid,
        0,
        c.relacl
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
    WHERE c.relacl IS NOT NULL AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT
        'pg_class'::REGCLASS,
        a.attrelid,
        a.attnum,
        a.attacl
    FROM columns AS a
    UNION ALL
    SELECT
        'pg_type'::REGCLASS,
        t.oid,
        0,
        t.typacl
    FROM pg_catalog.pg_type AS t
    WHERE t.typacl IS NOT NULL
    UNION ALL
    SELECT
        'pg_language'::REGCLASS,
        l.oid,
        0,
        l.lanacl
    FROM pg_catalog.pg_language AS l
    WHERE l.lanacl IS NOT NULL
    UNION ALL
    SELECT
        'pg_namespace'::REGCLASS,
        n.oid,
        0,
        n.nspacl
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspacl IS NOT NULL AND n.nspname NOT IN ('public', 'information_schema')
    UNION ALL
    SELECT
        'pg_foreign_data_wrapper'::REGCLASS,
        w.oid,
        0,
        w.fdwacl
    FROM pg_catalog.pg_foreign_data_wrapper AS w
    WHERE w.fdwacl IS NOT NULL
)

SELECT
    'privilege' AS what,
    pg_catalog.pg_describe_object(g.classid, g.objid, g.objsubid) AS name,
    CASE
        WHEN m.extname IS NULL THEN 'it is the system''s own'
        ELSE format('it belongs to extension %s', m.extname)
    END || ', and its privileges are not those it came with' AS reason
FROM granted AS g
LEFT JOIN pg_catalog.pg_init_privs AS i
    ON g.classid = i.classoid AND g.objid = i.objoid AND g.objsubid = i.objsubid
LEFT JOIN members AS m ON g.classid = m.classid AND g.objid = m.objid
WHERE
    CASE
        WHEN g.objid < 16384 OR m.objid IS NOT NULL
            THEN
                ARRAY(SELECT a::TEXT FROM unnest(g.acl) AS a ORDER BY 1)
                <> ARRAY(SELECT a::TEXT FROM unnest(i.initprivs) AS a ORDER BY 1)
    END
UNION ALL
SELECT
    'object in a system schema',
    pg_catalog.pg_describe_object(s.classid, s.objid, 0),
    format('what is in schema %s is the system''s own', n.nspname)
FROM (
    SELECT
        'pg_proc'::REGCLASS::OID AS classid,
        p.oid AS objid,
        p.pronamespace AS namespace
    FROM pg_catalog.pg_proc AS p
    WHERE p.oid >= 16384 AND p.pronamespace = ANY((SELECT y.oids FROM system AS y)::OID[])
    UNION ALL
    SELECT
        'pg_class'::REGCLASS,
        c.oid,
        c.relnamespace
    FROM pg_catalog.pg_class AS c
    WHERE
        c.oid >= 16384
        AND c.relkind <> 'c'
        AND c.relnamespace = ANY((SELECT y.oids FROM system AS y)::OID[])
    UNION ALL
    SELECT
        'pg_type'::REGCLASS,
        t.oid,
        t.typnamespace
    FROM pg_catalog.pg_type AS t
    LEFT JOIN pg_catalog.pg_class AS c ON t.typrelid = c.oid
    WHERE
        t.oid >= 16384
        AND t.typnamespace = ANY((SELECT y.oids FROM system AS y)::OID[])
        AND t.typtype <> 'm'
        AND t.typsubscript <> 'array_subscript_handler'::REGPROC
        AND COALESCE(c.relkind, 'c') = 'c'
    UNION ALL
    SELECT
        'pg_operator'::REGCLASS,
        o.oid,
        o.oprnamespace
    FROM pg_catalog.pg_operator AS o
    WHERE o.oid >= 16384 AND o.oprnamespace = ANY((SELECT y.oids FROM system AS y)::OID[])
) AS s
INNER JOIN pg_catalog.pg_namespace AS n ON s.namespace = n.oid
LEFT JOIN members AS m ON s.classid = m.classid AND s.objid = m.objid
WHERE m.objid IS NULL
UNION ALL
SELECT DISTINCT
    'disabled constraint',
    format('%s on %s', k.conname, k.conrelid::REGCLASS),
    format('the triggers that hold it are disabled on %s', t.tgrelid::REGCLASS)
FROM pg_catalog.pg_trigger AS t
INNER JOIN pg_catalog.pg_constraint AS k ON t.tgconstraint = k.oid
WHERE t.tgisinternal AND t.tgenabled <> 'O' AND k.contype IN ('f', 'u', 'p', 'x')
UNION ALL
SELECT
    'partition being detached',
    i.inhrelid::REGCLASS::TEXT,
    'a DETACH PARTITION CONCURRENTLY was begun: finish it with FINALIZE'
FROM pg_catalog.pg_inherits AS i
WHERE i.inhdetachpending
UNION ALL
SELECT
    'subscription',
    s.subname::TEXT,
    'only a superuser may read subscriptions'
FROM pg_catalog.pg_subscription AS s
INNER JOIN pg_catalog.pg_database AS d ON s.subdbid = d.oid
WHERE d.datname = current_database() AND current_setting('is_superuser') = 'off'
UNION ALL
SELECT
    'user mapping',
    format('%s for %s', u.usename, u.srvname),
    'this role may not read its options'
FROM pg_catalog.pg_user_mappings AS u
INNER JOIN pg_catalog.pg_foreign_server AS s ON u.srvid = s.oid
WHERE
    current_setting('is_superuser') = 'off'
    AND u.umoptions IS NULL
    AND NOT COALESCE(pg_catalog.pg_has_role(s.srvowner, 'USAGE') AND u.umuser = 0, FALSE)
UNION ALL
SELECT
    'privilege on a system column',
    format('%s.%s', a.attrelid::REGCLASS, a.attname),
    'only columns of one''s own are modelled'
FROM columns AS a
WHERE a.attnum < 0 AND a.attrelid >= 16384
UNION ALL
SELECT
    'sequence of an identity column',
    i.oid::REGCLASS::TEXT,
    format('it is logged otherwise than %s', t.oid::REGCLASS)
FROM pg_catalog.pg_class AS i
INNER JOIN pg_catalog.pg_depend AS d
    ON i.oid = d.objid AND d.classid = 'pg_class'::REGCLASS AND d.deptype = 'i'
INNER JOIN pg_catalog.pg_class AS t ON d.refobjid = t.oid AND d.refclassid = 'pg_class'::REGCLASS
WHERE
    i.relkind = 'S'
    AND i.relpersistence <> t.relpersistence
    AND current_setting('server_version_num')::INTEGER >= 150000
    -- Mostly there is none, and nothing to look for.
    AND EXISTS (SELECT FROM pg_catalog.pg_class AS u WHERE u.relpersistence = 'u')
ORDER BY 1, 2;

-- A row is a column of a table, foreign table, view or materialized view, by position. From 18 on
-- its NOT NULL is a constraint with a name and a state.
WITH
relations AS MATERIALIZED (
    SELECT
        c.oid,
        c.relkind,
        c.relispartition,
        c.relowner,
        c.relname
    FROM pg_catalog.pg_class AS c
    WHERE
        c.oid >= 16384
        AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
        AND c.relpersistence <> 't'
)

SELECT
    'pg_class'::REGCLASS::OID AS classid,
    a.attrelid AS objid,
    a.attnum::INTEGER AS objsubid,
    a.attrelid AS under,
    a.attname AS name,
    CASE WHEN a.attacl IS NOT NULL THEN pg_catalog.pg_get_userbyid(r.relowner) END AS acl_owner,
    a.attacl::TEXT[] AS acl,
    CASE
        WHEN r.relkind NOT IN ('v', 'm')
            THEN pg_catalog.format_type(a.atttypid, a.atttypmod)
    END AS type,
    CASE WHEN r.relkind NOT IN ('v', 'm') AND a.attcollation <> t.typcollation THEN (
        SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
        FROM pg_catalog.pg_collation AS co
        INNER JOIN pg_catalog.pg_namespace AS cn ON co.collnamespace = cn.oid
        WHERE co.oid = a.attcollation
    ) END AS collation,
    a.attnotnull AS not_null,
    NULLIF(nn.conname::TEXT, r.relname || '_' || a.attname || '_not_null') AS not_null_name,
    nn.connoinherit AS not_null_no_inherit,
    NOT nn.convalidated AS not_null_not_valid,
    NOT nn.conislocal AND NOT r.relispartition AS not_null_inherited,
    -- From 17 on a partition's column shows its parent's identity, and has no sequence of its own.
    CASE
        WHEN NOT r.relispartition OR i.sequence IS NOT NULL THEN NULLIF(a.attidentity, '')
    END AS identity,
    i.sequence,
    NULLIF(a.attgenerated, '') AS generated,
    CASE WHEN a.attgenerated <> '' THEN (
        SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)
        FROM pg_catalog.pg_attrdef AS d
        WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
    ) END AS expression,
    CASE
        WHEN a.attstorage <> t.typstorage THEN a.attstorage::TEXT || t.typstorage::TEXT
    END AS storage,
    -- Nobody can change it of a foreign table, where it does nothing.
    CASE WHEN r.relkind <> 'f' THEN NULLIF(a.attcompression, '') END AS compression,
    CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::INTEGER END AS statistics,
    a.attoptions AS options,
    CASE
        WHEN a.attfdwoptions IS NOT NULL
            THEN (SELECT array_agg(o.o ORDER BY o.o) FROM unnest(a.attfdwoptions) AS o (o))
    END AS fdw_options,
    r.relkind IN ('r', 'f') AND NOT r.relispartition AND NOT a.attislocal AS inherited,
    -- Its collation, and the type whose operator classes an index on it has by default.
    CASE
        WHEN r.relkind IN ('r', 'p', 'm')
            THEN
                (a.attcollation::BIGINT << 32)
                + CASE
                    WHEN t.typtype = 'e' THEN 'anyenum'::REGTYPE
                    WHEN
                        t.typtype = 'b' AND t.typlen = -1 AND t.typelem <> 0
                        THEN 'anyarray'::REGTYPE
                    WHEN a.atttypid = 'varchar'::REGTYPE THEN 'text'::REGTYPE
                    ELSE a.atttypid
                END::OID::BIGINT
    END AS indexed_as
FROM pg_catalog.pg_attribute AS a
INNER JOIN relations AS r ON a.attrelid = r.oid
INNER JOIN pg_catalog.pg_type AS t ON a.atttypid = t.oid
LEFT JOIN pg_catalog.pg_constraint AS nn
    ON a.attrelid = nn.conrelid AND nn.contype = 'n' AND nn.conkey[1] = a.attnum AND a.attnotnull
CROSS JOIN
    LATERAL (  -- noqa: ST05
        -- Each is looked up where there is one, in the order in which the limits ask for it.
        SELECT
            CASE
                WHEN a.attidentity <> ''
                    THEN (
                        SELECT
                            ARRAY[
                                pg_catalog.quote_ident(n.nspname)
                                || '.' || pg_catalog.quote_ident(c.relname),
                                s.seqstart::TEXT, s.seqincrement::TEXT, s.seqmin::TEXT,
                                s.seqmax::TEXT, s.seqcache::TEXT, s.seqcycle::TEXT
                            ]
                        FROM (
                            SELECT d.objid
                            FROM pg_catalog.pg_depend AS d
                            WHERE
                                d.refclassid = 'pg_class'::REGCLASS
                                AND d.refobjid = a.attrelid
                                AND d.refobjsubid = a.attnum
                                AND d.deptype = 'i'
                                AND d.classid = 'pg_class'::REGCLASS
                                AND d.objsubid = 0
                            LIMIT 1  -- noqa: AM09
                        ) AS d
                        CROSS JOIN
                            LATERAL (
                                SELECT s.* FROM pg_catalog.pg_sequence AS s
                                WHERE s.seqrelid = d.objid
                                LIMIT 1  -- noqa: AM09
                            ) AS s
                        CROSS JOIN
                            LATERAL (
                                SELECT
                                    c.relname,
                                    c.relnamespace
                                FROM pg_catalog.pg_class AS c
                                WHERE c.oid = d.objid
                                LIMIT 1  -- noqa: AM09
                            ) AS c
                        CROSS JOIN
                            LATERAL (
                                SELECT n.nspname FROM pg_catalog.pg_namespace AS n
                                WHERE n.oid = c.relnamespace
                                LIMIT 1  -- noqa: AM09
                            ) AS n
                    )
            END AS sequence
    ) AS i
WHERE
    a.attnum > 0
    AND NOT a.attisdropped;

-- A row is a column of a table, foreign table, view or materialized view, by position. From 18 on
-- its NOT NULL is a constraint with a name and a state.
WITH
relations AS MATERIALIZED (
    SELECT
        c.oid,
        c.relkind,
        c.relispartition,
        c.relowner,
        ARRAY[n.nspname::TEXT, c.relname::TEXT] AS path,
        CASE c.relkind
            WHEN 'f' THEN 'foreign_table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view'
            ELSE 'table'
        END AS kind
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
    LEFT JOIN pg_catalog.pg_depend AS e
        ON
            e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
            AND e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0
    WHERE
        c.relkind IN ('r', 'p', 'f', 'v', 'm')
        AND c.relpersistence <> 't'
        AND n.nspname !~ '^pg_'
        AND n.nspname <> 'information_schema'
        AND e.objid IS NULL
),

identity AS (
    SELECT
        d.refobjid,
        d.refobjsubid,
        ARRAY[
            pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
            s.seqstart::TEXT, s.seqincrement::TEXT, s.seqmin::TEXT, s.seqmax::TEXT,
            s.seqcache::TEXT, s.seqcycle::TEXT
        ] AS sequence
    FROM pg_catalog.pg_sequence AS s
    INNER JOIN pg_catalog.pg_depend AS d
        ON
            d.classid = 'pg_class'::REGCLASS AND s.seqrelid = d.objid AND d.objsubid = 0
            AND d.refclassid = 'pg_class'::REGCLASS AND d.deptype = 'i'
    INNER JOIN pg_catalog.pg_class AS c ON s.seqrelid = c.oid
    INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
)

SELECT
    'pg_class'::REGCLASS::OID AS classid,
    a.attrelid AS objid,
    a.attnum::INTEGER AS objsubid,
    r.path || a.attname::TEXT AS name,
    r.kind AS parent_kind,
    r.path AS parent,
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
    NULLIF(nn.conname::TEXT, r.path[2] || '_' || a.attname || '_not_null') AS not_null_name,
    nn.connoinherit AS not_null_no_inherit,
    NOT nn.convalidated AS not_null_not_valid,
    NOT nn.conislocal AND NOT r.relispartition AS not_null_inherited,
    -- From 17 on a partition's column shows its parent's identity, and has no sequence of its own.
    CASE
        WHEN NOT r.relispartition OR i.sequence IS NOT NULL THEN NULLIF(a.attidentity, '')
    END AS identity,
    CASE WHEN a.attidentity <> '' THEN i.sequence END AS sequence,
    NULLIF(a.attgenerated, '') AS generated,
    CASE WHEN a.attgenerated <> '' THEN (
        SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)
        FROM pg_catalog.pg_attrdef AS d
        WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
    ) END AS expression,
    CASE
        WHEN a.attstorage <> t.typstorage THEN a.attstorage::TEXT || t.typstorage::TEXT
    END AS storage,
    NULLIF(a.attcompression, '') AS compression,
    CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::INTEGER END AS statistics,
    a.attoptions AS options,
    CASE
        WHEN a.attfdwoptions IS NOT NULL
            THEN (SELECT array_agg(o.o ORDER BY o.o) FROM unnest(a.attfdwoptions) AS o (o))
    END AS fdw_options,
    r.relkind IN ('r', 'f') AND NOT r.relispartition AND NOT a.attislocal AS inherited
FROM pg_catalog.pg_attribute AS a
INNER JOIN relations AS r ON a.attrelid = r.oid
INNER JOIN pg_catalog.pg_type AS t ON a.atttypid = t.oid
LEFT JOIN identity AS i ON a.attrelid = i.refobjid AND a.attnum = i.refobjsubid
LEFT JOIN pg_catalog.pg_constraint AS nn
    ON a.attrelid = nn.conrelid AND nn.contype = 'n' AND nn.conkey[1] = a.attnum AND a.attnotnull
WHERE
    a.attnum > 0
    AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum;

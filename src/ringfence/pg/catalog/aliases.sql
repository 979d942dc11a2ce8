-- A row leads from an address that is no object of its own to the one that stands for it: a row
-- type to its relation, an array type to its element, a constraint's index to the constraint, a
-- view's rule to the view, a column's expression to the column (where it is not a default), a
-- partition's trigger to the one it was made for, a member of an operator class or an extension to
-- that. Addresses are numbers as in depend.sql.
SELECT
    (a.classid::BIGINT << 43) + (a.objid::BIGINT << 11) + a.objsubid + 8 AS address,
    (a.to_classid::BIGINT << 43) + (a.to_objid::BIGINT << 11) + a.to_objsubid + 8 AS to_address
FROM (
    SELECT
        'pg_type'::REGCLASS::OID AS classid,
        t.oid AS objid,
        0 AS objsubid,
        'pg_class'::REGCLASS::OID AS to_classid,
        t.typrelid AS to_objid,
        0 AS to_objsubid
    FROM pg_catalog.pg_type AS t
    INNER JOIN pg_catalog.pg_class AS c ON t.typrelid = c.oid
    WHERE t.oid >= 16384 AND c.relkind <> 'c'
    UNION ALL
    SELECT
        'pg_type'::REGCLASS,
        e.typarray,
        0,
        'pg_type'::REGCLASS,
        e.oid,
        0
    FROM pg_catalog.pg_type AS e
    WHERE e.oid >= 16384 AND e.typarray <> 0
    UNION ALL
    SELECT
        'pg_type'::REGCLASS,
        r.rngmultitypid,
        0,
        'pg_type'::REGCLASS,
        r.rngtypid,
        0
    FROM pg_catalog.pg_range AS r
    WHERE r.rngtypid >= 16384
    UNION ALL
    SELECT
        'pg_class'::REGCLASS,
        c.conindid,
        0,
        'pg_constraint'::REGCLASS,
        c.oid,
        0
    FROM pg_catalog.pg_constraint AS c
    WHERE c.contype IN ('p', 'u', 'x') AND c.conindid >= 16384
    UNION ALL
    SELECT
        'pg_class'::REGCLASS,
        t.typrelid,
        0,
        'pg_type'::REGCLASS,
        t.oid,
        0
    FROM pg_catalog.pg_type AS t
    INNER JOIN pg_catalog.pg_class AS c ON t.typrelid = c.oid
    WHERE t.oid >= 16384 AND c.relkind = 'c'
    UNION ALL
    SELECT
        'pg_rewrite'::REGCLASS,
        w.oid,
        0,
        'pg_class'::REGCLASS,
        w.ev_class,
        0
    FROM pg_catalog.pg_rewrite AS w
    WHERE w.oid >= 16384 AND w.rulename = '_RETURN'
    UNION ALL
    SELECT
        'pg_attrdef'::REGCLASS,
        d.oid,
        0,
        'pg_class'::REGCLASS,
        d.adrelid,
        d.adnum
    FROM pg_catalog.pg_attrdef AS d
    WHERE d.oid >= 16384
    UNION ALL
    SELECT
        'pg_trigger'::REGCLASS,
        t.oid,
        0,
        'pg_trigger'::REGCLASS,
        t.tgparentid,
        0
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgparentid <> 0 AND (t.tgconstraint = 0 OR NOT t.tgisinternal)
    UNION ALL
    SELECT
        m.classid,
        m.objid,
        0,
        m.refclassid,
        m.refobjid,
        0
    FROM pg_catalog.pg_depend AS m
    WHERE
        m.classid IN ('pg_amop'::REGCLASS, 'pg_amproc'::REGCLASS)
        AND m.refclassid = 'pg_opclass'::REGCLASS
        AND m.objid >= 16384
    UNION ALL
    SELECT
        m.classid,
        m.objid,
        m.objsubid,
        m.refclassid,
        m.refobjid,
        m.refobjsubid
    FROM pg_catalog.pg_depend AS m
    WHERE m.refclassid = 'pg_extension'::REGCLASS AND m.objid >= 16384 AND m.deptype = 'e'
) AS a;

-- A row is an operator class, with the operators and support functions that belong to it.
WITH
belonging AS (
    SELECT
        d.refobjid AS class,
        1 AS part,
        o.amopstrategy AS number,
        format(
            'OPERATOR %s %I.%s (%s, %s)',
            o.amopstrategy, pn.nspname, po.oprname,
            pg_catalog.format_type(o.amoplefttype, NULL),
            pg_catalog.format_type(o.amoprighttype, NULL)
        )
        || CASE
            WHEN sf.oid IS NULL THEN ''
            ELSE format(' FOR ORDER BY %s.%I', pg_catalog.quote_ident(sn.nspname), sf.opfname)
        END AS member
    FROM pg_catalog.pg_depend AS d
    INNER JOIN pg_catalog.pg_amop AS o ON d.objid = o.oid
    INNER JOIN pg_catalog.pg_operator AS po ON o.amopopr = po.oid
    INNER JOIN pg_catalog.pg_namespace AS pn ON po.oprnamespace = pn.oid
    LEFT JOIN pg_catalog.pg_opfamily AS sf ON o.amopsortfamily = sf.oid
    LEFT JOIN pg_catalog.pg_namespace AS sn ON sf.opfnamespace = sn.oid
    WHERE
        d.classid = 'pg_amop'::REGCLASS
        AND d.refclassid = 'pg_opclass'::REGCLASS
        AND d.refobjid >= 16384
    UNION ALL
    SELECT
        d.refobjid,
        2,
        p.amprocnum,
        format(
            'FUNCTION %s (%s, %s) %s', p.amprocnum,
            pg_catalog.format_type(p.amproclefttype, NULL),
            pg_catalog.format_type(p.amprocrighttype, NULL),
            p.amproc::REGPROCEDURE
        )
    FROM pg_catalog.pg_depend AS d
    INNER JOIN pg_catalog.pg_amproc AS p ON d.objid = p.oid
    WHERE
        d.classid = 'pg_amproc'::REGCLASS
        AND d.refclassid = 'pg_opclass'::REGCLASS
        AND d.refobjid >= 16384
),

gathered AS (
    SELECT
        b.class,
        array_agg(b.member ORDER BY b.part, b.number, b.member) AS members
    FROM belonging AS b
    GROUP BY b.class
)

SELECT
    'pg_opclass'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.opcname::TEXT, m.amname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(c.opcowner) AS owner,
    pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(f.opfname) AS family,
    c.opcdefault AS is_default,
    pg_catalog.format_type(c.opcintype, NULL) AS type,
    CASE WHEN c.opckeytype <> 0 THEN pg_catalog.format_type(c.opckeytype, NULL) END AS storage,
    x.members
FROM pg_catalog.pg_opclass AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.opcnamespace = n.oid
INNER JOIN pg_catalog.pg_am AS m ON c.opcmethod = m.oid
INNER JOIN pg_catalog.pg_opfamily AS f ON c.opcfamily = f.oid
INNER JOIN pg_catalog.pg_namespace AS fn ON f.opfnamespace = fn.oid
LEFT JOIN gathered AS x ON c.oid = x.class
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_opclass'::REGCLASS AND c.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

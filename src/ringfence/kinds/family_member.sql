-- A row is an operator or a support function that is in a family on its own, not through a class.
SELECT
    d.classid,
    d.objid,
    0 AS objsubid,
    ARRAY[
        n.nspname::TEXT, f.opfname::TEXT, m.amname::TEXT,
        COALESCE('operator ' || o.amopstrategy, 'function ' || p.amprocnum),
        '('
        || pg_catalog.format_type(COALESCE(o.amoplefttype, p.amproclefttype), NULL) || ', '
        || pg_catalog.format_type(COALESCE(o.amoprighttype, p.amprocrighttype), NULL) || ')'
    ] AS name,
    'operator_family' AS parent_kind,
    ARRAY[n.nspname::TEXT, f.opfname::TEXT, m.amname::TEXT] AS parent,
    CASE WHEN o.oid IS NOT NULL THEN (
        SELECT pg_catalog.quote_ident(pn.nspname) || '.' || po.oprname
        FROM pg_catalog.pg_operator AS po
        INNER JOIN pg_catalog.pg_namespace AS pn ON po.oprnamespace = pn.oid
        WHERE po.oid = o.amopopr
    ) END AS operator,
    CASE WHEN o.amopsortfamily <> 0 THEN (
        SELECT pg_catalog.quote_ident(sn.nspname) || '.' || pg_catalog.quote_ident(sf.opfname)
        FROM pg_catalog.pg_opfamily AS sf
        INNER JOIN pg_catalog.pg_namespace AS sn ON sf.opfnamespace = sn.oid
        WHERE sf.oid = o.amopsortfamily
    ) END AS order_by,
    p.amproc::REGPROCEDURE::TEXT AS function
FROM pg_catalog.pg_depend AS d
INNER JOIN pg_catalog.pg_opfamily AS f ON d.refobjid = f.oid
INNER JOIN pg_catalog.pg_namespace AS n ON f.opfnamespace = n.oid
INNER JOIN pg_catalog.pg_am AS m ON f.opfmethod = m.oid
LEFT JOIN pg_catalog.pg_amop AS o ON d.classid = 'pg_amop'::REGCLASS AND d.objid = o.oid
LEFT JOIN pg_catalog.pg_amproc AS p ON d.classid = 'pg_amproc'::REGCLASS AND d.objid = p.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_opfamily'::REGCLASS AND f.oid = e.objid
WHERE
    d.classid IN ('pg_amop'::REGCLASS, 'pg_amproc'::REGCLASS)
    AND d.refclassid = 'pg_opfamily'::REGCLASS
    AND d.refobjid = COALESCE(o.amopfamily, p.amprocfamily)
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

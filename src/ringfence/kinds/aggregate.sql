-- A row is an aggregate function.
SELECT
    'pg_proc'::REGCLASS::OID AS classid,
    p.oid AS objid,
    0 AS objsubid,
    ARRAY[
        n.nspname::TEXT, p.proname::TEXT,
        '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')'
    ] AS name,
    pg_catalog.pg_get_userbyid(p.proowner) AS owner,
    p.proacl::TEXT[] AS acl,
    NULLIF(a.aggkind, 'n') AS kind,
    pg_catalog.pg_get_function_arguments(p.oid) AS arguments,
    pg_catalog.pg_get_function_result(p.oid) AS result,
    a.aggtransfn::TEXT AS sfunc,
    pg_catalog.format_type(a.aggtranstype, NULL) AS stype,
    NULLIF(a.aggtransspace, 0) AS sspace,
    CASE WHEN a.aggfinalfn <> 0 THEN a.aggfinalfn::TEXT END AS finalfunc,
    a.aggfinalextra AS finalfunc_extra,
    NULLIF(a.aggfinalmodify, CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END) AS finalfunc_modify,
    CASE WHEN a.aggcombinefn <> 0 THEN a.aggcombinefn::TEXT END AS combinefunc,
    CASE WHEN a.aggserialfn <> 0 THEN a.aggserialfn::TEXT END AS serialfunc,
    CASE WHEN a.aggdeserialfn <> 0 THEN a.aggdeserialfn::TEXT END AS deserialfunc,
    a.agginitval AS initcond,
    CASE WHEN a.aggmtransfn <> 0 THEN a.aggmtransfn::TEXT END AS msfunc,
    CASE WHEN a.aggminvtransfn <> 0 THEN a.aggminvtransfn::TEXT END AS minvfunc,
    CASE WHEN a.aggmtranstype <> 0 THEN pg_catalog.format_type(a.aggmtranstype, NULL) END AS mstype,
    NULLIF(a.aggmtransspace, 0) AS msspace,
    CASE WHEN a.aggmfinalfn <> 0 THEN a.aggmfinalfn::TEXT END AS mfinalfunc,
    a.aggmfinalextra AS mfinalfunc_extra,
    NULLIF(a.aggmfinalmodify, CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END) AS mfinalfunc_modify,
    a.aggminitval AS minitcond,
    pg_catalog.quote_ident(os.nspname) || '.' || o.oprname AS sortop,
    NULLIF(p.proparallel, 'u') AS parallel
FROM pg_catalog.pg_aggregate AS a
INNER JOIN pg_catalog.pg_proc AS p ON a.aggfnoid = p.oid
INNER JOIN pg_catalog.pg_namespace AS n ON p.pronamespace = n.oid
LEFT JOIN pg_catalog.pg_operator AS o ON a.aggsortop = o.oid
LEFT JOIN pg_catalog.pg_namespace AS os ON o.oprnamespace = os.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_proc'::REGCLASS AND p.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

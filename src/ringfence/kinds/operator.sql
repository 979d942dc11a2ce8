-- A row is an operator; one without a function is a shell, which another names as its counterpart.
WITH named AS (
    SELECT
        o.oid,
        n.nspname AS schema,
        ARRAY[
            n.nspname::TEXT, o.oprname::TEXT,
            format(
                '(%s, %s)',
                COALESCE(pg_catalog.format_type(NULLIF(o.oprleft, 0), NULL), 'NONE'),
                pg_catalog.format_type(o.oprright, NULL)
            )
        ] AS name
    FROM pg_catalog.pg_operator AS o
    INNER JOIN pg_catalog.pg_namespace AS n ON o.oprnamespace = n.oid
)

SELECT
    'pg_operator'::REGCLASS::OID AS classid,
    o.oid AS objid,
    0 AS objsubid,
    n.name,
    CASE WHEN o.oprcode <> 0 THEN pg_catalog.pg_get_userbyid(o.oprowner) END AS owner,
    CASE WHEN o.oprcode <> 0 THEN o.oprcode::TEXT END AS function,
    c.name AS "commutator",
    g.name AS "negator",
    CASE WHEN o.oprrest <> 0 THEN o.oprrest::TEXT END AS "restrict",
    CASE WHEN o.oprjoin <> 0 THEN o.oprjoin::TEXT END AS "join",
    o.oprcanhash AS "hashes",
    o.oprcanmerge AS "merges"
FROM pg_catalog.pg_operator AS o
INNER JOIN named AS n ON o.oid = n.oid
LEFT JOIN named AS c ON o.oprcom = c.oid AND o.oprcode <> 0
LEFT JOIN named AS g ON o.oprnegate = g.oid AND o.oprcode <> 0
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_operator'::REGCLASS AND o.oid = e.objid
WHERE
    o.oid >= 16384
    AND n.schema !~ '^pg_'
    AND n.schema <> 'information_schema'
    AND e.objid IS NULL;

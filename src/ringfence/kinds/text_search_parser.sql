-- A row is a text search parser.
SELECT
    'pg_ts_parser'::REGCLASS::OID AS classid,
    p.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, p.prsname::TEXT] AS name,
    p.prsstart::TEXT AS start,
    p.prstoken::TEXT AS gettoken,
    p.prsend::TEXT AS "end",
    CASE WHEN p.prsheadline <> 0 THEN p.prsheadline::TEXT END AS headline,
    p.prslextype::TEXT AS lextypes
FROM pg_catalog.pg_ts_parser AS p
INNER JOIN pg_catalog.pg_namespace AS n ON p.prsnamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_ts_parser'::REGCLASS AND p.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

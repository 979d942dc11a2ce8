-- A row is a type that is only a name, or the shell that a base type, or a range type with a
-- canonical function, is first: its functions need that, and it needs its functions.
SELECT
    'pg_type'::REGCLASS::OID AS classid,
    t.oid AS objid,
    CASE WHEN t.typisdefined THEN -1 ELSE 0 END AS objsubid,
    ARRAY[n.nspname::TEXT, t.typname::TEXT] AS name,
    CASE WHEN NOT t.typisdefined THEN pg_catalog.pg_get_userbyid(t.typowner) END AS owner
FROM pg_catalog.pg_type AS t
INNER JOIN pg_catalog.pg_namespace AS n ON t.typnamespace = n.oid
LEFT JOIN pg_catalog.pg_range AS r ON t.oid = r.rngtypid
LEFT JOIN pg_catalog.pg_type AS el ON t.typelem = el.oid AND t.oid = el.typarray
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_type'::REGCLASS AND t.oid = e.objid
WHERE
    (NOT t.typisdefined OR (t.typtype = 'b' AND el.oid IS NULL) OR r.rngcanonical <> 0)
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

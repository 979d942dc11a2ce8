-- A row is a comment: what it is on, no provider, its text. One on the index that a constraint owns
-- is told from one on the constraint by "index" where labels have their provider; one on a NOT NULL
-- constraint is said of the column, one on a multirange type of its range type.
SELECT
    d.classoid,
    d.objoid,
    d.objsubid,
    NULL::TEXT AS provider,
    d.description
FROM pg_catalog.pg_description AS d
WHERE d.objoid >= 16384 OR d.classoid = 'pg_namespace'::REGCLASS
UNION ALL
SELECT
    d.classoid,
    d.objoid,
    0,
    NULL::TEXT AS provider,
    d.description
FROM pg_catalog.pg_shdescription AS d
WHERE d.objoid >= 16384
UNION ALL
SELECT
    'pg_constraint'::REGCLASS,
    c.oid,
    0,
    'index' AS provider,
    d.description
FROM pg_catalog.pg_description AS d
INNER JOIN pg_catalog.pg_constraint AS c ON d.objoid = c.conindid AND c.contype IN ('p', 'u', 'x')
WHERE d.classoid = 'pg_class'::REGCLASS AND d.objoid >= 16384
UNION ALL
SELECT
    'pg_class'::REGCLASS,
    c.conrelid,
    c.conkey[1],
    'not null' AS provider,
    d.description
FROM pg_catalog.pg_description AS d
INNER JOIN pg_catalog.pg_constraint AS c ON d.objoid = c.oid AND c.contype = 'n' AND c.conrelid <> 0
WHERE d.classoid = 'pg_constraint'::REGCLASS AND d.objoid >= 16384
UNION ALL
SELECT
    'pg_type'::REGCLASS,
    r.rngtypid,
    0,
    'multirange' AS provider,
    d.description
FROM pg_catalog.pg_description AS d
INNER JOIN pg_catalog.pg_range AS r ON d.objoid = r.rngmultitypid
WHERE d.classoid = 'pg_type'::REGCLASS AND d.objoid >= 16384;

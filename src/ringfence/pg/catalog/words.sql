-- A row is what pg/composed.py has to know of this server: a word that a name is quoted for, a
-- column of the relation whose columns stand in for others, an operator class with the type that it
-- is the default of, or a default that somebody has made.
SELECT
    'keyword' AS what,
    k.word AS name,
    0::OID AS number,
    0::OID AS type
FROM pg_catalog.pg_get_keywords() AS k
WHERE k.catcode <> 'U'
UNION ALL
SELECT
    'column',
    a.attname,
    a.attnum::INTEGER::OID,
    0
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = 'pg_index'::REGCLASS AND a.attnum > 0
UNION ALL
SELECT
    'class',
    pg_catalog.quote_ident(o.opcname),
    o.oid,
    CASE WHEN o.opcdefault THEN o.opcintype ELSE 0 END
FROM pg_catalog.pg_opclass AS o
WHERE o.oid < 16384
UNION ALL
SELECT
    'default of somebody''s',
    o.opcname,
    o.oid,
    o.opcintype
FROM pg_catalog.pg_opclass AS o
WHERE o.oid >= 16384 AND o.opcdefault;

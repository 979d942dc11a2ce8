-- A row is a constraint of a table: primary key, unique, check, foreign key or exclusion. Those that
-- PostgreSQL made for a partition after its parent's are not objects of their own.
SELECT
    'pg_constraint'::REGCLASS::OID AS classid,
    k.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.relname::TEXT, k.conname::TEXT] AS name,
    CASE WHEN c.relkind = 'f' THEN 'foreign_table' ELSE 'table' END AS parent_kind,
    ARRAY[n.nspname::TEXT, c.relname::TEXT] AS parent,
    k.contype::TEXT AS type,
    pg_catalog.pg_get_constraintdef(k.oid) AS definition,
    NOT k.conislocal AS inherited,
    x.reloptions AS index_options,
    ts.spcname::TEXT AS index_tablespace
FROM pg_catalog.pg_constraint AS k
INNER JOIN pg_catalog.pg_class AS c ON k.conrelid = c.oid
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
LEFT JOIN pg_catalog.pg_class AS x ON k.contype IN ('p', 'u', 'x') AND k.conindid = x.oid
LEFT JOIN pg_catalog.pg_tablespace AS ts ON x.reltablespace = ts.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON e.classid = 'pg_class'::REGCLASS AND c.oid = e.objid AND e.objsubid = 0 AND e.deptype = 'e'
WHERE
    k.contype IN ('p', 'u', 'c', 'f', 'x')
    AND k.conparentid = 0
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL
ORDER BY k.conrelid, position(k.contype IN 'pucxf'), k.conname;

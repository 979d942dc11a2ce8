-- A row is a column that takes its default from a sequence, as an identity or with nextval().
SELECT DISTINCT
    used.relid::BIGINT AS "table",
    a.attname AS "column",
    s.seqrelid::BIGINT AS oid,
    n.nspname AS schema,
    c.relname AS name,
    s.seqstart AS start,
    s.seqincrement AS increment,
    s.seqmin AS lowest,
    s.seqmax AS highest
FROM (
    SELECT
        d.refobjid AS relid,
        d.refobjsubid AS attnum,
        d.objid AS seqrelid
    FROM pg_depend AS d
    WHERE
        d.classid = 'pg_class'::REGCLASS
        AND d.refclassid = 'pg_class'::REGCLASS
        AND d.refobjsubid > 0
        AND d.deptype = 'i'
    UNION ALL
    SELECT
        ad.adrelid,
        ad.adnum,
        d.refobjid
    FROM pg_attrdef AS ad
    INNER JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::REGCLASS AND ad.oid = d.objid
    WHERE d.refclassid = 'pg_class'::REGCLASS AND d.deptype = 'n'
) AS used (relid, attnum, seqrelid)
INNER JOIN pg_sequence AS s ON used.seqrelid = s.seqrelid
INNER JOIN pg_class AS c ON s.seqrelid = c.oid
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_attribute AS a ON used.relid = a.attrelid AND used.attnum = a.attnum
ORDER BY 1, 2;

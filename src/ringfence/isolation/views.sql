-- A row is a relation that a view or materialized view reads, directly.
SELECT DISTINCT
    w.ev_class::BIGINT AS "view",
    d.refobjid::BIGINT AS base
FROM pg_rewrite AS w
INNER JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::REGCLASS AND w.oid = d.objid
WHERE d.refclassid = 'pg_class'::REGCLASS AND d.refobjid <> w.ev_class
ORDER BY 1, 2;

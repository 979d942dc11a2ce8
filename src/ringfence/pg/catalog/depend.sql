-- A row is a dependency between two things that are not the system's own.
SELECT
    d.classid,
    d.objid,
    d.objsubid,
    d.refclassid,
    d.refobjid,
    d.refobjsubid
FROM pg_catalog.pg_depend AS d
WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype <> 'e';

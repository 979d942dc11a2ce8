-- A row is a function that a policy calls, with the policy's table and the function's body.
SELECT DISTINCT
    p.polrelid::BIGINT AS relation,
    p.oid::BIGINT AS policy,
    COALESCE(pg_get_function_sqlbody(f.oid), f.prosrc) AS body
FROM pg_policy AS p
INNER JOIN pg_depend AS d ON d.classid = 'pg_policy'::REGCLASS AND p.oid = d.objid
INNER JOIN pg_proc AS f ON d.refclassid = 'pg_proc'::REGCLASS AND d.refobjid = f.oid
INNER JOIN pg_namespace AS n ON f.pronamespace = n.oid
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2, 3;

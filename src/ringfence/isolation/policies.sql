-- A row is a policy, with the other tables that it reads and the functions it calls.
SELECT
    p.polrelid::BIGINT AS relation,
    p.polname AS name,
    p.polcmd::TEXT AS command,
    p.polpermissive AS permissive,
    ARRAY(
        SELECT CASE WHEN m.oid = 0 THEN 'public' ELSE m.oid::REGROLE::TEXT END
        FROM unnest(p.polroles) AS m (oid)
    ) AS roles,
    COALESCE(pg_get_expr(p.polqual, p.polrelid), '') AS using_expression,
    COALESCE(pg_get_expr(p.polwithcheck, p.polrelid), '') AS check_expression,
    ARRAY(
        SELECT DISTINCT d.refobjid::BIGINT FROM pg_depend AS d
        WHERE
            d.classid = 'pg_policy'::REGCLASS AND d.objid = p.oid
            AND d.refclassid = 'pg_class'::REGCLASS AND d.refobjid <> p.polrelid
    ) AS reads,
    ARRAY(
        SELECT DISTINCT d.refobjid::BIGINT FROM pg_depend AS d
        WHERE
            d.classid = 'pg_policy'::REGCLASS AND d.objid = p.oid
            AND d.refclassid = 'pg_proc'::REGCLASS
    ) AS calls
FROM pg_policy AS p
ORDER BY p.polrelid, p.polname;

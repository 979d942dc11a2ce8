-- A row is a policy, with the columns of its table that it reads.
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
    COALESCE(pg_get_expr(p.polwithcheck, p.polrelid), '') AS check_expression
FROM pg_policy AS p
ORDER BY p.polrelid, p.polname;

-- A row is a column that a policy reads, with the settings the policy asks for, itself or through
-- the functions it calls.
SELECT DISTINCT
    p.polrelid::BIGINT AS "table",
    a.attname AS column,
    found.setting AS setting
FROM pg_policy AS p
INNER JOIN pg_depend AS d
    ON d.classid = 'pg_policy'::REGCLASS AND p.oid = d.objid
    AND d.refclassid = 'pg_class'::REGCLASS AND p.polrelid = d.refobjid AND d.refobjsubid > 0
INNER JOIN pg_attribute AS a ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
CROSS JOIN LATERAL (
    SELECT coalesce(pg_get_expr(p.polqual, p.polrelid), '')
        || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') AS body
    UNION ALL
    SELECT f.prosrc AS body
    FROM pg_depend AS fd
    INNER JOIN pg_proc AS f ON fd.refobjid = f.oid
    WHERE
        fd.classid = 'pg_policy'::REGCLASS
        AND fd.objid = p.oid
        AND fd.refclassid = 'pg_proc'::REGCLASS
) AS source
CROSS JOIN LATERAL (
    SELECT m.groups[1] AS setting
    FROM regexp_matches(source.body, 'current_setting\s*\(\s*''([^'']+)''', 'gi') AS m (groups)
) AS found
WHERE p.polrelid = ANY(%(tables)s::OID[])
ORDER BY 1, 2, 3;

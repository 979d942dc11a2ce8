-- A row is a column that a policy reads, with a setting the policy asks for, itself or through the
-- functions it calls.
WITH sources AS (
    SELECT
        p.oid,
        COALESCE(pg_get_expr(p.polqual, p.polrelid), '')
        || COALESCE(pg_get_expr(p.polwithcheck, p.polrelid), '') AS body
    FROM pg_policy AS p
    UNION ALL
    SELECT
        d.objid,
        f.prosrc
    FROM pg_depend AS d
    INNER JOIN pg_proc AS f ON d.refobjid = f.oid
    WHERE d.classid = 'pg_policy'::REGCLASS AND d.refclassid = 'pg_proc'::REGCLASS
),

settings AS (
    SELECT
        oid,
        (regexp_matches(body, 'current_setting\s*\(\s*''([^'']+)''', 'gi'))[1] AS setting
    FROM sources
)

SELECT DISTINCT
    p.polrelid::BIGINT AS "table",
    a.attname AS "column",
    s.setting
FROM pg_policy AS p
INNER JOIN settings AS s ON p.oid = s.oid
INNER JOIN pg_depend AS d ON p.oid = d.objid AND p.polrelid = d.refobjid
INNER JOIN pg_attribute AS a ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
WHERE
    d.classid = 'pg_policy'::REGCLASS
    AND d.refclassid = 'pg_class'::REGCLASS
    AND d.refobjsubid > 0
ORDER BY 1, 2, 3;

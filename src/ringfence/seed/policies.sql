-- A row is a column that a policy reads, of its own table or of another, with a setting the policy
-- asks for: itself, or through a function it calls (`reader`).
WITH texts AS (
    SELECT
        p.oid,
        COALESCE(pg_get_expr(p.polqual, p.polrelid), 'true') AS visible,
        COALESCE(pg_get_expr(p.polwithcheck, p.polrelid), 'true') AS allowed
    FROM pg_policy AS p
),

sources AS (
    SELECT
        t.oid,
        'current_setting' AS reader,
        t.visible || t.allowed AS body,
        '' AS said
    FROM texts AS t
    UNION ALL
    SELECT
        d.objid,
        f.proname,
        COALESCE(pg_get_function_sqlbody(f.oid), f.prosrc),
        COALESCE(pg_get_function_sqlbody(f.oid), f.prosrc)
    FROM pg_depend AS d
    INNER JOIN pg_proc AS f ON d.refobjid = f.oid
    WHERE d.classid = 'pg_policy'::REGCLASS AND d.refclassid = 'pg_proc'::REGCLASS
),

settings AS (
    SELECT
        oid,
        reader,
        said,
        (regexp_matches(body, 'current_setting\s*\(\s*''([^'']+)''', 'gi'))[1] AS setting
    FROM sources
)

SELECT DISTINCT
    d.refobjid::BIGINT AS "table",
    a.attname::TEXT AS "column",
    s.setting,
    s.reader::TEXT AS reader,
    s.said AS body,
    p.oid::BIGINT AS policy,
    p.polrelid::BIGINT AS relation,
    t.visible,
    t.allowed
FROM pg_policy AS p
INNER JOIN texts AS t ON p.oid = t.oid
INNER JOIN settings AS s ON p.oid = s.oid
INNER JOIN pg_depend AS d ON p.oid = d.objid
INNER JOIN pg_attribute AS a ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
WHERE
    d.classid = 'pg_policy'::REGCLASS
    AND d.refclassid = 'pg_class'::REGCLASS
    AND d.refobjsubid > 0
ORDER BY 1, 2, 3, 4, 5;

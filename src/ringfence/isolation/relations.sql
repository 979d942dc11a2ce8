-- A row is a relation that people query: a table, partition, view, materialized view, foreign table
-- or sequence; with the roles that may do what to it, itself or to some of its columns.
SELECT
    c.oid::BIGINT AS oid,
    n.nspname AS schema,
    c.relname AS name,
    c.relkind::TEXT AS kind,
    o.rolname AS owner,
    o.rolsuper OR o.rolbypassrls AS owner_exempt,
    o.rolcanlogin AS owner_logs_in,
    c.relrowsecurity AS row_security,
    c.relforcerowsecurity AS forced,
    CASE WHEN c.relispartition THEN COALESCE(pg_partition_root(c.oid)::OID, 0) ELSE 0 END::BIGINT
        AS partition_of,
    EXISTS (
        SELECT FROM pg_options_to_table(c.reloptions) AS t
        WHERE t.option_name = 'security_invoker' AND t.option_value::BOOLEAN
    ) AS invoker,
    CASE WHEN c.relkind = 'f' THEN 0 ELSE pg_relation_is_updatable(c.oid, true) END AS events,
    ARRAY(
        SELECT g.privilege || ' ' || r.rolname
        FROM pg_roles AS r
        CROSS JOIN
            unnest(
                CASE
                    WHEN c.relkind = 'S' THEN ARRAY['SELECT', 'UPDATE', 'USAGE']
                    ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']
                END
            ) AS g (privilege)
        WHERE
            r.rolname = ANY(CURRENT_SETTING('ringfence.roles')::TEXT[])
            AND has_schema_privilege(r.oid, n.oid, 'USAGE')
            AND CASE
                WHEN c.relkind = 'S' THEN has_sequence_privilege(r.oid, c.oid, g.privilege)
                WHEN g.privilege IN ('SELECT', 'INSERT', 'UPDATE')
                    THEN has_any_column_privilege(r.oid, c.oid, g.privilege)
                ELSE has_table_privilege(r.oid, c.oid, g.privilege)
            END
    ) AS grants,
    COALESCE((
        SELECT d.refobjid FROM pg_depend AS d
        WHERE
            c.relkind = 'S' AND d.classid = 'pg_class'::REGCLASS AND d.objid = c.oid
            AND d.refclassid = 'pg_class'::REGCLASS AND d.deptype IN ('a', 'i')
        LIMIT 1  -- noqa: AM09
    ), 0)::BIGINT AS owned_by,
    EXISTS (
        SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
    ) OR EXISTS (
        SELECT FROM pg_rewrite AS w WHERE w.ev_class = c.oid AND w.ev_type <> '1'
    ) AS triggers
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_roles AS o ON c.relowner = o.oid
WHERE
    c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND n.nspname <> ALL(CURRENT_SETTING('ringfence.exclude')::TEXT[])
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::REGCLASS AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY n.nspname, c.relname;

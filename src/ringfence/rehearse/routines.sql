-- Every function that somebody may call by its arguments, and what it says of itself. `given` is
-- what a CALL gives: what comes out of a procedure has a place there too. `steady`: it says of
-- itself that it changes nothing.
SELECT
    p.oid::BIGINT AS oid,
    n.nspname AS schema,
    p.proname AS name,
    p.prokind::TEXT AS kind,
    l.lanname AS language,
    ARRAY(
        SELECT FORMAT_TYPE(u.type, NULL)
        FROM UNNEST(p.proargtypes) WITH ORDINALITY AS u (type, place)
        ORDER BY u.place
    ) AS arguments,
    CASE
        WHEN p.proargmodes IS NULL THEN p.proargnames
        ELSE
            ARRAY(
                SELECT u.name
                FROM UNNEST(p.proargnames, p.proargmodes) WITH ORDINALITY AS u (name, mode, place)
                WHERE u.mode IN ('i', 'b', 'v')
                ORDER BY u.place
            )
    END AS names,
    PG_GET_FUNCTION_RESULT(p.oid) AS result,
    p.prosrc AS body,
    p.prorettype = 'trigger'::REGTYPE OR p.prorettype = 'event_trigger'::REGTYPE AS is_trigger,
    ARRAY(
        SELECT
            CASE p.proargmodes[u.place] WHEN 'v' THEN 'VARIADIC ' ELSE '' END
            || 'NULL::' || FORMAT_TYPE(u.type, NULL)
        FROM
            UNNEST(COALESCE(p.proallargtypes, p.proargtypes::OID[])) WITH ORDINALITY
                AS u (type, place)
        ORDER BY u.place
    ) AS given,
    p.provolatile <> 'v' AS steady,
    PG_GET_FUNCTIONDEF(p.oid) AS definition
FROM pg_proc AS p
INNER JOIN pg_namespace AS n ON p.pronamespace = n.oid
INNER JOIN pg_language AS l ON p.prolang = l.oid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND p.prokind IN ('f', 'p')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE
            d.classid = 'pg_proc'::REGCLASS
            AND d.objid = p.oid
            AND d.deptype = 'e'
    )
ORDER BY p.oid;

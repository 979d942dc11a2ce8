-- A row is an event trigger that is at work, with whether its function has rights of its own.
SELECT
    e.oid::BIGINT AS oid,
    e.evtname AS name,
    e.evtevent AS event,
    p.prosecdef AS definer,
    o.rolname AS owner,
    p.prosrc AS body
FROM pg_event_trigger AS e
INNER JOIN pg_proc AS p ON e.evtfoid = p.oid
INNER JOIN pg_roles AS o ON p.proowner = o.oid
WHERE
    e.evtenabled IN ('O', 'A')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_event_trigger'::REGCLASS AND d.objid = e.oid AND d.deptype = 'e'
    )
ORDER BY e.evtname;

-- A row is an event trigger.
SELECT
    'pg_event_trigger'::REGCLASS::OID AS classid,
    t.oid AS objid,
    0 AS objsubid,
    ARRAY[t.evtname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(t.evtowner) AS owner,
    t.evtevent::TEXT AS event,
    t.evttags AS tags,
    pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) AS function,
    NULLIF(t.evtenabled, 'O') AS enabled
FROM pg_catalog.pg_event_trigger AS t
INNER JOIN pg_catalog.pg_proc AS p ON t.evtfoid = p.oid
INNER JOIN pg_catalog.pg_namespace AS n ON p.pronamespace = n.oid
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_event_trigger'::REGCLASS AND t.oid = e.objid
WHERE e.objid IS NULL;

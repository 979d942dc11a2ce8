-- A row is a rule of a table or view, other than what makes a view a view.
SELECT
    'pg_rewrite'::REGCLASS::OID AS classid,
    w.oid AS objid,
    0 AS objsubid,
    w.ev_class AS under,
    w.rulename AS name,
    pg_catalog.pg_get_ruledef(w.oid) AS definition,
    NULLIF(w.ev_enabled, 'O') AS enabled
FROM pg_catalog.pg_rewrite AS w
INNER JOIN pg_catalog.pg_class AS c ON w.ev_class = c.oid
WHERE
    w.rulename <> '_RETURN'
    AND c.oid >= 16384
    AND c.relpersistence <> 't';

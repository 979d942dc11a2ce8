-- A row is a text search configuration, with the dictionaries of each type of token.
WITH
mapped AS (
    SELECT
        x.mapcfg,
        x.maptokentype,
        k.alias,
        string_agg(
            format('%I.%I', dn.nspname, d.dictname), ', '
            ORDER BY x.mapseqno
        ) AS dictionaries
    FROM pg_catalog.pg_ts_config_map AS x
    INNER JOIN pg_catalog.pg_ts_config AS c ON x.mapcfg = c.oid
    INNER JOIN pg_catalog.pg_ts_dict AS d ON x.mapdict = d.oid
    INNER JOIN pg_catalog.pg_namespace AS dn ON d.dictnamespace = dn.oid
    CROSS JOIN LATERAL pg_catalog.ts_token_type(c.cfgparser) AS k
    WHERE x.mapcfg >= 16384 AND k.tokid = x.maptokentype
    GROUP BY x.mapcfg, x.maptokentype, k.alias
),

gathered AS (
    SELECT
        m.mapcfg,
        array_agg(ARRAY[m.alias, m.dictionaries] ORDER BY m.maptokentype) AS mappings
    FROM mapped AS m
    GROUP BY m.mapcfg
)

SELECT
    'pg_ts_config'::REGCLASS::OID AS classid,
    c.oid AS objid,
    0 AS objsubid,
    ARRAY[n.nspname::TEXT, c.cfgname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(c.cfgowner) AS owner,
    pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.prsname) AS parser,
    g.mappings
FROM pg_catalog.pg_ts_config AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.cfgnamespace = n.oid
INNER JOIN pg_catalog.pg_ts_parser AS p ON c.cfgparser = p.oid
INNER JOIN pg_catalog.pg_namespace AS pn ON p.prsnamespace = pn.oid
LEFT JOIN gathered AS g ON c.oid = g.mapcfg
LEFT JOIN pg_catalog.pg_depend AS e
    ON
        e.refclassid = 'pg_extension'::REGCLASS AND e.deptype = 'e'
        AND e.classid = 'pg_ts_config'::REGCLASS AND c.oid = e.objid
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
    AND e.objid IS NULL;

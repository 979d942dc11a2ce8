-- What a person could have made in this database, one row a fact: `what` it is, whose `name` it
-- bears, and the `fact` in PostgreSQL's own words. Expects an empty search_path, so that the words
-- name every schema.
WITH spaces AS (
    SELECT
        oid,
        nspname,
        nspowner,
        nspacl
    FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'
),

relations AS (
    SELECT
        c.*,
        format('%I.%I', s.nspname, c.relname) AS name
    FROM pg_class AS c
    INNER JOIN spaces AS s ON c.relnamespace = s.oid
),

routines AS (
    SELECT
        p.*,
        l.lanname,
        p.oid::REGPROCEDURE::TEXT AS name
    FROM pg_proc AS p
    INNER JOIN spaces AS s ON p.pronamespace = s.oid
    INNER JOIN pg_language AS l ON p.prolang = l.oid
),

facts AS (
    SELECT
        'schema' AS what,
        quote_ident(nspname) AS name,
        '' AS fact
    FROM spaces

    UNION ALL
    SELECT
        CASE relkind
            WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'i' THEN 'index'
            ELSE 'relation of kind ' || relkind::TEXT
        END,
        name,
        format(
            'persistence %s, options %s, replica identity %s, partition %s',
            relpersistence, COALESCE(reloptions::TEXT, '{}'), relreplident, relispartition
        )
    FROM relations

    UNION ALL
    SELECT
        'row level security',
        name,
        format('enabled %s, forced %s', relrowsecurity, relforcerowsecurity)
    FROM relations WHERE relkind = 'r'

    UNION ALL
    SELECT
        'view definition',
        name,
        pg_get_viewdef(oid)
    FROM relations WHERE relkind = 'v'

    UNION ALL
    SELECT
        'column',
        format('%s.%I', r.name, a.attname),
        concat_ws(
            ' ',
            format('#%s', a.attnum),
            format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN 'not null' END,
            'default ' || pg_get_expr(d.adbin, d.adrelid),
            'identity ' || NULLIF(a.attidentity::TEXT, ''),
            'generated ' || NULLIF(a.attgenerated::TEXT, ''),
            'collation ' || NULLIF(a.attcollation, t.typcollation)::REGCOLLATION::TEXT,
            'storage ' || NULLIF(a.attstorage, t.typstorage)::TEXT,
            'compression ' || NULLIF(a.attcompression::TEXT, '')
        )
    FROM relations AS r
    INNER JOIN pg_attribute AS a ON r.oid = a.attrelid
    INNER JOIN pg_type AS t ON a.atttypid = t.oid
    LEFT JOIN pg_attrdef AS d ON r.oid = d.adrelid AND a.attnum = d.adnum
    WHERE r.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped

    UNION ALL
    SELECT
        'constraint',
        format('%s.%I', r.name, k.conname),
        format(
            '%s: %s, validated %s, local %s',
            k.contype, pg_get_constraintdef(k.oid), k.convalidated, k.conislocal
        )
    FROM relations AS r INNER JOIN pg_constraint AS k ON r.oid = k.conrelid

    UNION ALL
    SELECT
        'index definition',
        r.name,
        format(
            '%s, valid %s, ready %s, clustered %s, replica identity %s',
            pg_get_indexdef(r.oid), i.indisvalid, i.indisready, i.indisclustered, i.indisreplident
        )
    FROM relations AS r INNER JOIN pg_index AS i ON r.oid = i.indexrelid

    UNION ALL
    SELECT
        'trigger',
        format('%s.%I', r.name, t.tgname),
        format('%s, fires %s', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM relations AS r INNER JOIN pg_trigger AS t ON r.oid = t.tgrelid
    WHERE NOT t.tgisinternal

    UNION ALL
    SELECT
        'policy',
        format('%s.%I', r.name, p.polname),
        format(
            'for %s, permissive %s, to %s, using %s, with check %s',
            p.polcmd, p.polpermissive, p.polroles::REGROLE[],
            COALESCE(pg_get_expr(p.polqual, p.polrelid), '-'),
            COALESCE(pg_get_expr(p.polwithcheck, p.polrelid), '-')
        )
    FROM relations AS r INNER JOIN pg_policy AS p ON r.oid = p.polrelid

    UNION ALL
    SELECT
        'rule',
        format('%s.%I', r.name, w.rulename),
        pg_get_ruledef(w.oid)
    FROM relations AS r INNER JOIN pg_rewrite AS w ON r.oid = w.ev_class
    WHERE w.rulename <> '_RETURN'

    UNION ALL
    SELECT
        'routine',
        name,
        format(
            '%s, arguments (%s), returns %s, language %s, volatility %s, strict %s, '
            'security definer %s, leakproof %s, parallel %s, cost %s, rows %s, settings %s',
            prokind, pg_get_function_arguments(oid), pg_get_function_result(oid),
            lanname, provolatile, proisstrict, prosecdef, proleakproof, proparallel, procost,
            prorows, COALESCE(proconfig::TEXT, '{}')
        )
    FROM routines

    UNION ALL
    SELECT
        'routine body',
        name,
        prosrc
    FROM routines

    UNION ALL
    SELECT
        'type',
        t.oid::REGTYPE::TEXT,
        t.typtype::TEXT
    FROM pg_type AS t
    INNER JOIN spaces AS s ON t.typnamespace = s.oid

    UNION ALL
    SELECT
        'extension',
        quote_ident(extname),
        extversion
    FROM pg_extension

    UNION ALL
    SELECT
        'default privileges',
        pg_describe_object(tableoid, oid, 0),
        defaclacl::TEXT
    FROM pg_default_acl

    UNION ALL
    SELECT
        'comment',
        pg_describe_object(d.classoid, d.objoid, d.objsubid),
        d.description
    FROM pg_description AS d
    WHERE d.objoid >= 16384

    UNION ALL
    SELECT
        'owner',
        quote_ident(nspname),
        nspowner::REGROLE::TEXT
    FROM spaces
    UNION ALL
    SELECT
        'owner',
        name,
        relowner::REGROLE::TEXT
    FROM relations
    UNION ALL
    SELECT
        'owner',
        name,
        proowner::REGROLE::TEXT
    FROM routines

    UNION ALL
    SELECT
        'grants',
        quote_ident(nspname),
        ARRAY(SELECT i::TEXT FROM unnest(nspacl) AS i ORDER BY i::TEXT)::TEXT
    FROM spaces
    UNION ALL
    SELECT
        'grants',
        name,
        ARRAY(SELECT i::TEXT FROM unnest(relacl) AS i ORDER BY i::TEXT)::TEXT
    FROM relations
    UNION ALL
    SELECT
        'grants',
        name,
        ARRAY(SELECT i::TEXT FROM unnest(proacl) AS i ORDER BY i::TEXT)::TEXT
    FROM routines
    UNION ALL
    SELECT
        'grants',
        format('%s.%I', r.name, a.attname),
        ARRAY(SELECT i::TEXT FROM unnest(a.attacl) AS i ORDER BY i::TEXT)::TEXT
    FROM relations AS r INNER JOIN pg_attribute AS a ON r.oid = a.attrelid
    WHERE a.attacl IS NOT NULL
)

SELECT
    what,
    name,
    COALESCE(fact, '-') AS fact
FROM facts
ORDER BY what, name;

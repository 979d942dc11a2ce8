-- What somebody made in a database: a row is a thing, the ones that say most first.
-- Everything that PostgreSQL itself brings has an OID below 16384.
SELECT
    k.place,
    k.kind,
    k.name
FROM (
    SELECT
        1 AS place,
        'schema' AS kind,
        nspname AS name,
        oid
    FROM pg_namespace
    WHERE nspname !~ '^pg_(temp|toast_temp)_'

    UNION ALL

    SELECT
        2,
        'relation',
        relname,
        oid
    FROM pg_class
    WHERE relkind NOT IN ('i', 'I', 't')

    UNION ALL

    SELECT
        3,
        'routine',
        proname,
        oid
    FROM pg_proc

    UNION ALL

    SELECT
        4,
        'type',
        typname,
        oid
    FROM pg_type
    WHERE typrelid = 0 AND typelem = 0

    UNION ALL

    SELECT
        5,
        'extension',
        extname,
        oid
    FROM pg_extension

    UNION ALL

    SELECT
        6,
        'publication',
        pubname,
        oid
    FROM pg_publication

    UNION ALL

    SELECT
        7,
        'event trigger',
        evtname,
        oid
    FROM pg_event_trigger

    UNION ALL

    SELECT
        8,
        'large object',
        CAST(oid AS NAME),
        oid
    FROM pg_largeobject_metadata
) AS k
WHERE k.oid >= 16384
ORDER BY k.place, k.name;

-- A row is a subscription of this database. What is secret in its connection is not read.
SELECT
    'pg_subscription'::REGCLASS::OID AS classid,
    s.oid AS objid,
    0 AS objsubid,
    ARRAY[s.subname::TEXT] AS name,
    pg_catalog.pg_get_userbyid(s.subowner) AS owner,
    regexp_replace(
        regexp_replace(
            s.subconninfo,
            '(password\s*=\s*)(''(?:[^''\\]|\\.)*''|[^\s&]+)', '\1********', 'gi'
        ),
        '(://[^/@:]*:)[^/@]*@', '\1********@'
    ) AS connection,
    s.subpublications AS publications,
    s.subslotname::TEXT AS slot,
    s.subbinary AS "binary",
    NULLIF(s.subsynccommit, 'off') AS synchronous_commit,
    s.subtwophasestate <> 'd' AS two_phase,
    s.subdisableonerr AS disable_on_error,
    CASE s.substream WHEN 't' THEN 'on' WHEN 'p' THEN 'parallel' END AS streaming,
    NOT s.subpasswordrequired AS password_optional,
    s.subrunasowner AS run_as_owner,
    NULLIF(s.suborigin, 'any') AS origin,
    s.subfailover AS failover
FROM pg_catalog.pg_subscription AS s
INNER JOIN pg_catalog.pg_database AS d ON s.subdbid = d.oid
WHERE d.datname = current_database();

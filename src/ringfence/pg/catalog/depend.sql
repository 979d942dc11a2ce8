-- A row is a dependency between two things that are not the system's own. A table's on the one it
-- inherits from or is a partition of is left out: that is a fact of its own, which needs both. So
-- is that of a part on its whole (a row type, a constraint's index or trigger, a view's rule): it
-- leads from a fact to itself; but not so where a column is one of the two. So is what the copy of
-- a trigger on a partition needs, which is there because of the trigger alone. What a domain needs
-- for its default only is its part 1's. There are many rows: what makes an address, a catalog, an
-- object in it and a part of that, comes as one number.
SELECT
    (d.classid::BIGINT << 43) + (d.objid::BIGINT << 11) + d.objsubid + 8
    + CASE
        WHEN
            y.oid IS NOT NULL AND (d.refclassid, d.refobjid) NOT IN (
                ('pg_type'::REGCLASS, y.typbasetype),
                ('pg_namespace'::REGCLASS, y.typnamespace),
                ('pg_collation'::REGCLASS, y.typcollation)
            )
            THEN 1
        ELSE 0
    END AS user_address,
    (d.refclassid::BIGINT << 43) + (d.refobjid::BIGINT << 11) + d.refobjsubid + 8 AS used_address
FROM pg_catalog.pg_depend AS d
LEFT JOIN pg_catalog.pg_type AS y
    ON y.oid = d.objid AND y.typtype = 'd' AND d.classid = 'pg_type'::REGCLASS
WHERE
    d.objid >= 16384
    AND d.refobjid >= 16384
    AND d.deptype NOT IN ('e', 'x')
    AND (d.deptype <> 'i' OR d.objsubid <> 0 OR d.refobjsubid <> 0)
    AND NOT (
        d.classid = 'pg_class'::REGCLASS AND d.refclassid = 'pg_class'::REGCLASS
        AND d.objsubid = 0 AND d.refobjsubid = 0 AND d.deptype IN ('n', 'a')
        AND (d.objid, d.refobjid) IN (
            SELECT
                i.inhrelid,
                i.inhparent
            FROM pg_catalog.pg_inherits AS i
        )
    )
    AND NOT (
        d.classid = 'pg_trigger'::REGCLASS
        AND d.objid IN (SELECT t.oid FROM pg_catalog.pg_trigger AS t WHERE t.tgparentid <> 0)
    );

-- Every table that has others below it, partitions or heirs, with all of these.
WITH RECURSIVE below AS (
    SELECT
        i.inhparent AS whole,
        i.inhrelid AS part
    FROM pg_inherits AS i
    INNER JOIN pg_class AS c ON i.inhparent = c.oid
    WHERE c.relkind IN ('r', 'p')
    UNION
    SELECT
        b.whole,
        i.inhrelid AS part
    FROM below AS b
    INNER JOIN pg_inherits AS i ON b.part = i.inhparent
)

SELECT
    whole::BIGINT AS whole,
    ARRAY_AGG(part::BIGINT ORDER BY part) AS parts
FROM below
GROUP BY whole;

CREATE TYPE pair AS (a integer, b bigint, c text);
CREATE MATERIALIZED VIEW pairs AS SELECT ROW(1, 2, 'x')::pair AS pair;
CREATE VIEW firsts AS SELECT (pair).a FROM pairs;

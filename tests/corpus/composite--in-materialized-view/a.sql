CREATE TYPE pair AS (a integer, b integer);
CREATE MATERIALIZED VIEW pairs AS SELECT ROW(1, 2)::pair AS pair;
CREATE VIEW firsts AS SELECT (pair).a FROM pairs;

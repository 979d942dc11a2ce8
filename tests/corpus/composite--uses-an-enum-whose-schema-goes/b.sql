CREATE SCHEMA one;
CREATE TYPE one.pair AS (x integer, y text);
CREATE TABLE one.t (p one.pair);

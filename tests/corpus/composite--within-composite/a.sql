CREATE TYPE point3 AS (x integer, y integer);
CREATE TYPE line3 AS (a point3, b point3);
CREATE TABLE thing (id integer PRIMARY KEY, line line3);

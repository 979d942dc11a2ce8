CREATE TYPE inside AS (x integer, y integer);
CREATE TYPE outside AS (a inside, b inside[]);
CREATE TABLE thing (id integer PRIMARY KEY, o outside);

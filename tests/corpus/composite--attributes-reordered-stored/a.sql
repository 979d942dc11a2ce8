CREATE TYPE pair AS (a integer, b text, c date);
CREATE TABLE thing (id integer PRIMARY KEY, pair pair NOT NULL);

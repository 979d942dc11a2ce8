CREATE TYPE pair AS (b text, d boolean, a bigint);
CREATE TABLE thing (id integer PRIMARY KEY, pair pair NOT NULL);

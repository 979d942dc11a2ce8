CREATE TYPE level AS ENUM ('low', 'high');
CREATE TYPE pack AS (n bigint, note text, how level);
CREATE TYPE span AS RANGE (SUBTYPE = integer);
CREATE TABLE t (at span[], was text);

CREATE DOMAIN short AS text CHECK (length(VALUE) < 90);
CREATE TYPE pack AS (n integer, note text COLLATE "C", how short, at integer);
CREATE TABLE packs OF pack (note NOT NULL);

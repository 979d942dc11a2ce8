CREATE TYPE level AS ENUM ('low', 'high');
CREATE TYPE pack AS (n bigint, note text, how level, at text);
CREATE TABLE packs OF pack (note NOT NULL);

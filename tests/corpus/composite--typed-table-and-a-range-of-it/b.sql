CREATE TYPE e AS ENUM ('x');
CREATE TYPE c AS (a bigint, b text, d e);
CREATE TABLE typed OF c (b NOT NULL);
CREATE TABLE holds (one c, many c[]);

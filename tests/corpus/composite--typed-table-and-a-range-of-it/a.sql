CREATE TYPE c AS (a integer, b text);
CREATE TYPE spans AS RANGE (SUBTYPE = c);
CREATE TABLE typed OF c (b NOT NULL);
CREATE TABLE holds (one c, many c[]);

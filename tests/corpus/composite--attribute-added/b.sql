CREATE TYPE address AS (street text, "house number" integer);
CREATE TABLE person (id integer PRIMARY KEY, home address);
CREATE VIEW streets AS SELECT (home).street FROM person;
COMMENT ON COLUMN address."house number" IS 'it';

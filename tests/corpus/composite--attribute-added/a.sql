CREATE TYPE address AS (street text);
CREATE TABLE person (id integer PRIMARY KEY, home address);
CREATE VIEW streets AS SELECT (home).street FROM person;

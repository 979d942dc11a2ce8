CREATE TYPE address AS (street text, number integer);
CREATE TABLE person (id integer PRIMARY KEY, home address, others address[]);
CREATE VIEW numbers AS SELECT (home).number FROM person;

CREATE TYPE address AS (street text, city text);
CREATE TABLE person (id integer PRIMARY KEY, home address, others address[]);
CREATE VIEW cities AS SELECT (home).city FROM person;

CREATE TYPE address AS (street text, number bigint);
COMMENT ON COLUMN address.number IS 'it';
COMMENT ON TYPE address IS 'where';
GRANT USAGE ON TYPE address TO corpus_bob;
CREATE FUNCTION number(a address) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT (a).number::text';
CREATE TABLE person (id integer PRIMARY KEY, home address DEFAULT ROW('x', 1)::address, others address[]);
CREATE INDEX person_number ON person (number(home));
CREATE VIEW numbers AS SELECT id, (home).number FROM person;

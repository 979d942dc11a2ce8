CREATE SCHEMA app;
CREATE TYPE app.address AS (street text COLLATE "C", number integer, tags varchar(10)[]);
CREATE TYPE app.empty AS ();
CREATE TABLE app.person (id integer PRIMARY KEY, home app.address, others app.address[]);
COMMENT ON TYPE app.address IS 'where';
COMMENT ON COLUMN app.address.number IS 'the house''s';

CREATE TYPE address AS (street text COLLATE "C", number bigint);
COMMENT ON COLUMN address.number IS 'it';
CREATE FUNCTION number(a address) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT (a).number::text';

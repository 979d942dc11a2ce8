CREATE FUNCTION gap(a date, b date) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT (a - b)::float8';
CREATE TYPE days AS RANGE (SUBTYPE = date, SUBTYPE_DIFF = gap);
CREATE TABLE thing (days days);

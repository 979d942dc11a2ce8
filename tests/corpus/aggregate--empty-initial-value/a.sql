CREATE FUNCTION glue(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $2';
CREATE AGGREGATE joined(text) (SFUNC = glue, STYPE = text, INITCOND = '');

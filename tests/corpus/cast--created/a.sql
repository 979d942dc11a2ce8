CREATE TYPE cx AS (a int, b int);
CREATE FUNCTION cx_text(cx) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.a::text';

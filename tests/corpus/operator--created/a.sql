CREATE TYPE cx AS (a int, b int);
CREATE FUNCTION cx_eq(cx, cx) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.a = $2.a';

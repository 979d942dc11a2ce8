CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = public, pg_temp SET work_mem = '8MB' AS 'SELECT 1';

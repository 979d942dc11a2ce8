CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = pg_catalog, "we""ird" SET app.x_y = 'it''s' SET datestyle FROM CURRENT AS 'SELECT 1';

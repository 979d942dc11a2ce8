CREATE TABLE thing (id integer, name text);
CREATE FUNCTION things() RETURNS SETOF thing LANGUAGE sql AS 'SELECT 1, ''x''::text';

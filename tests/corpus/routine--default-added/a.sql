CREATE TABLE t (id int);
CREATE FUNCTION f(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b';
CREATE VIEW v AS SELECT f(id, 1) AS x FROM t;

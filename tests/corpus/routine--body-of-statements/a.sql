CREATE TABLE t (id int, a int, b text);
CREATE FUNCTION f(x int) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT b FROM t WHERE id = x; END;

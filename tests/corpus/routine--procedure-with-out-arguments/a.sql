CREATE PROCEDURE p(a int, OUT b text, OUT c int) LANGUAGE plpgsql AS 'BEGIN b := a; c := 1; END';
COMMENT ON PROCEDURE p(int) IS 'does';

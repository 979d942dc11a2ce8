CREATE PROCEDURE p(a int, OUT b text, OUT d int) LANGUAGE plpgsql AS 'BEGIN b := a; d := 1; END';
COMMENT ON PROCEDURE p(int) IS 'does';
GRANT EXECUTE ON PROCEDURE p(int) TO corpus_alice;

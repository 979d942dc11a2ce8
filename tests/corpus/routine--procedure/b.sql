CREATE PROCEDURE p(a int, INOUT b text) LANGUAGE plpgsql AS 'BEGIN b := a; END';
COMMENT ON PROCEDURE p(int, text) IS 'does';
ALTER PROCEDURE p(int, text) OWNER TO corpus_bob;
REVOKE EXECUTE ON PROCEDURE p(int, text) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE p(int, text) TO corpus_alice;

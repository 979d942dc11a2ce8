CREATE FUNCTION f(a int, b text DEFAULT 'x') RETURNS text LANGUAGE sql AS 'SELECT a || b';
COMMENT ON FUNCTION f(int, text) IS 'joins';
ALTER FUNCTION f(int, text) OWNER TO corpus_bob;
REVOKE EXECUTE ON FUNCTION f(int, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION f(int, text) TO corpus_alice WITH GRANT OPTION;

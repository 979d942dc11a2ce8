CREATE FUNCTION rcmp(int, int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT btint4cmp($2, $1)';
CREATE OPERATOR CLASS reverse_ops FOR TYPE int USING btree AS
    OPERATOR 1 > , OPERATOR 2 >= , OPERATOR 3 = , OPERATOR 4 <= , OPERATOR 5 < , FUNCTION 1 rcmp(int, int);
COMMENT ON OPERATOR CLASS reverse_ops USING btree IS 'backwards';
COMMENT ON OPERATOR FAMILY reverse_ops USING btree IS 'a family';
ALTER OPERATOR CLASS reverse_ops USING btree OWNER TO corpus_alice;
ALTER OPERATOR FAMILY reverse_ops USING btree OWNER TO corpus_bob;

CREATE SCHEMA "s x";
CREATE FUNCTION "s x".neg(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT -$1';
CREATE OPERATOR "s x".!! (RIGHTARG = int, FUNCTION = "s x".neg);
COMMENT ON OPERATOR "s x".!! (NONE, int) IS 'negates';

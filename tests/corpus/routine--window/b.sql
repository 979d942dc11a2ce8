CREATE FUNCTION nth(anyelement, int) RETURNS anyelement LANGUAGE internal WINDOW IMMUTABLE STRICT AS 'window_nth_value';
COMMENT ON FUNCTION nth(anyelement, int) IS 'window';

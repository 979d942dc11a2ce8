CREATE AGGREGATE my_percentile(float8 ORDER BY anyelement) (
    SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA
);
COMMENT ON AGGREGATE my_percentile(float8 ORDER BY anyelement) IS 'orders';
GRANT EXECUTE ON FUNCTION my_percentile(float8, anyelement) TO corpus_alice;

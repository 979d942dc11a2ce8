CREATE AGGREGATE total(int) (SFUNC = int84pl, STYPE = bigint, INITCOND = '0');
CREATE VIEW v AS SELECT total(x) AS t FROM generate_series(1, 3) AS x;
GRANT EXECUTE ON FUNCTION total(int) TO corpus_alice;

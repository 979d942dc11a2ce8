CREATE FUNCTION step(c int, d int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT c + d';
CREATE AGGREGATE total(int) (SFUNC = step, STYPE = int, INITCOND = '0');
CREATE VIEW v AS SELECT total(x) AS t FROM generate_series(1, 3) AS x;

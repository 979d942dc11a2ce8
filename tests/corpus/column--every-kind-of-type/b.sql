CREATE TABLE o (id integer);
CREATE TABLE t (a bit(3), b bit varying(5), c "char", d interval day to second(2), e time(2) with time zone, f double precision, g int4range, h text[][], i xml, j numeric, k character varying, l name, m o, n o[], p money, q inet, r tsvector);

CREATE TABLE big (id bigint, n text);
CREATE VIEW v AS SELECT b AS whole FROM big AS b;
CREATE MATERIALIZED VIEW mv AS SELECT b AS whole FROM big AS b;
CREATE INDEX ON mv ((whole IS NULL));
CREATE FUNCTION size(big) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE INDEX big_size ON big ((size(big)));
CREATE FUNCTION bigs() RETURNS SETOF big LANGUAGE sql STABLE AS 'SELECT * FROM big';
CREATE VIEW all_bigs AS SELECT * FROM bigs();
CREATE INDEX big_whole ON big ((big.*));

CREATE TABLE t (id int, body text);
CREATE EXTENSION pg_trgm;
CREATE INDEX i ON t USING gin (body gin_trgm_ops);

CREATE EXTENSION hstore;
CREATE TABLE t (id int, h hstore);
CREATE VIEW v AS SELECT id, (h -> 'a') AS a, (each(h)).key AS k FROM t;
CREATE INDEX i ON t USING gin (h);
CREATE FUNCTION f(h hstore) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT h::text';
ALTER TABLE t ADD g text GENERATED ALWAYS AS (f(h)) STORED;

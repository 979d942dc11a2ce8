-- from PostgreSQL 18 on
CREATE TABLE t (id integer NOT NULL, a integer, b text);
ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);

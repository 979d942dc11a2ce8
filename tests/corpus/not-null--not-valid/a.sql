-- from PostgreSQL 18 on
CREATE TABLE t (id integer, v text NOT NULL);
ALTER TABLE t ADD CONSTRAINT nn NOT NULL id NOT VALID;

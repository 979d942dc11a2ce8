-- from PostgreSQL 18 on
CREATE TABLE t (id integer, v text CONSTRAINT old_name NOT NULL, w text NOT NULL);

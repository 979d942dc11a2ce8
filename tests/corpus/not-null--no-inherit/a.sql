-- from PostgreSQL 18 on
CREATE TABLE t (id integer NOT NULL, v text NOT NULL NO INHERIT);

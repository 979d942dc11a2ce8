-- from PostgreSQL 18 on
CREATE TABLE t (id int4range NOT NULL, during daterange NOT NULL);

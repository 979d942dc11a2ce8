-- from PostgreSQL 18 on
CREATE TABLE p (id int4range NOT NULL, valid daterange NOT NULL, up int4range, PRIMARY KEY (id, valid WITHOUT OVERLAPS), FOREIGN KEY (up, PERIOD valid) REFERENCES p);

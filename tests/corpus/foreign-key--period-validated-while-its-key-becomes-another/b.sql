-- from PostgreSQL 18 on
CREATE TABLE p (id int4range, valid daterange, UNIQUE (id, valid WITHOUT OVERLAPS));
CREATE TABLE c (id int4range, valid daterange, UNIQUE (id, valid WITHOUT OVERLAPS), FOREIGN KEY (id, PERIOD valid) REFERENCES p (id, PERIOD valid));
ALTER TABLE c DROP CONSTRAINT c_id_valid_fkey, ADD CONSTRAINT c_id_valid_fkey FOREIGN KEY (id, PERIOD valid) REFERENCES p (id, PERIOD valid) NOT VALID;

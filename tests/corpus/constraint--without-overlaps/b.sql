CREATE TABLE t (id int4range NOT NULL, during daterange NOT NULL, CONSTRAINT pk PRIMARY KEY (id, during WITHOUT OVERLAPS));
CREATE TABLE c (id int4range, during daterange, CONSTRAINT fk FOREIGN KEY (id, PERIOD during) REFERENCES t (id, PERIOD during));

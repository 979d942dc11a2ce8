CREATE TABLE t (id integer CONSTRAINT "must be" NOT NULL, v text CONSTRAINT new_name NOT NULL, w text CONSTRAINT named NOT NULL);

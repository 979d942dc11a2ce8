CREATE TABLE p (id integer);
CREATE UNIQUE INDEX p_id ON p (id) WITH (fillfactor = 50);
CREATE TABLE c (p integer REFERENCES p (id));

CREATE TABLE t (id integer PRIMARY KEY);
CREATE TABLE p (id integer REFERENCES t, v text) PARTITION BY LIST (id);

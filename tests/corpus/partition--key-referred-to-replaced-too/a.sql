CREATE TABLE t (id integer CONSTRAINT k UNIQUE);
CREATE TABLE p (n integer REFERENCES t (id), v text) PARTITION BY LIST (n);
CREATE TABLE plain (n integer PRIMARY KEY REFERENCES t (id), v text);

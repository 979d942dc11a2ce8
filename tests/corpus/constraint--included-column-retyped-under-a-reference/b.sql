CREATE TABLE t (id integer, v text NOT NULL, PRIMARY KEY (id) INCLUDE (v));
CREATE TABLE u (t integer REFERENCES t (id) ON DELETE CASCADE);
CREATE TABLE k (id integer, v text COLLATE "C");
CREATE UNIQUE INDEX k_id ON k (id) INCLUDE (v);
CREATE TABLE l (k integer REFERENCES k (id));

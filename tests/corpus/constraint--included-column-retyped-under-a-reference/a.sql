CREATE TABLE t (id integer, v varchar(30) NOT NULL, PRIMARY KEY (id) INCLUDE (v));
CREATE TABLE u (t integer REFERENCES t (id) ON DELETE CASCADE);
CREATE TABLE k (id integer, v varchar(30));
CREATE UNIQUE INDEX k_id ON k (id) INCLUDE (v);
CREATE TABLE l (k integer REFERENCES k (id));

CREATE TABLE t (id bigint PRIMARY KEY, up bigint REFERENCES t);

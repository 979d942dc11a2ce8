CREATE TABLE t (v varchar(20), n numeric(7,2), c char(5), ts timestamp, a bigint[]);

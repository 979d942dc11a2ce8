CREATE TABLE t (v varchar(10), n numeric(5,2), c char(3), ts timestamp(3), a integer[]);

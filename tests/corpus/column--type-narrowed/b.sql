CREATE TABLE t (v varchar(3), n integer, at date, many varchar(3)[]);

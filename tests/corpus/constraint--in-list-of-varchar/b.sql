CREATE TABLE t (v varchar(5), CONSTRAINT c CHECK (v IN ('a', 'b', 'c')));

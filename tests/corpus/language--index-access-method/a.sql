CREATE TABLE t (id int, b box);

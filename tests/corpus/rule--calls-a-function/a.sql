CREATE TABLE t (id int);
CREATE TABLE log (x int);

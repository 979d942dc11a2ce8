CREATE TABLE t (id int, v text);
CREATE TABLE log (id int);

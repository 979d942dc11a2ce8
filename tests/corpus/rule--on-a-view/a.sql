CREATE TABLE t (id int, v text);
CREATE VIEW w AS SELECT id, v FROM t;

CREATE TABLE t (id integer, v text COLLATE "C");
CREATE INDEX t_v ON t (v);

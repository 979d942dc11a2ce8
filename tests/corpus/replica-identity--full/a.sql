CREATE TABLE t (id integer PRIMARY KEY, v integer NOT NULL UNIQUE, w integer NOT NULL);
CREATE UNIQUE INDEX t_w ON t (w);

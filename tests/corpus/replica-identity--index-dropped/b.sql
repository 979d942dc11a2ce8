CREATE TABLE t (id integer PRIMARY KEY, v integer NOT NULL UNIQUE, w integer NOT NULL);

CREATE TABLE box (id integer PRIMARY KEY, size integer);

CREATE EXTENSION citext;
CREATE TABLE t (id int, m citext);

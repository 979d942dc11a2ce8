CREATE TABLE t (a integer, b text, c integer);
CREATE SCHEMA s;

CREATE TABLE t (c date, d integer, a integer, b text);

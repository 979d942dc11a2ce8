CREATE TABLE t (a integer, b integer);
CREATE TABLE v (d integer) INHERITS (t);
CREATE TABLE u (c integer) INHERITS (t);
CREATE TABLE w (c integer) INHERITS (u);
ALTER TABLE t ADD CONSTRAINT t_b NOT NULL b NOT VALID;

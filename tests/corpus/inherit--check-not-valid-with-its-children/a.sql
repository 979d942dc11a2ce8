CREATE TABLE t (a integer);
CREATE TABLE z_child () INHERITS (t);

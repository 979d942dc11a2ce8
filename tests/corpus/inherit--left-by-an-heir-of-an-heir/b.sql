CREATE TABLE t1 (a integer, f text);
CREATE TABLE t3 () INHERITS (t1);
CREATE TABLE other (n integer, CONSTRAINT c CHECK (n > 0));
CREATE TABLE t5 () INHERITS (other);
CREATE TABLE t6 (a integer);

CREATE TABLE t1 (x integer);
CREATE TABLE t2 (y integer, z text);
CREATE TABLE t3 () INHERITS (t1);
CREATE TABLE u1 (a integer, b text);
CREATE TABLE u2 (a integer, b text);
CREATE TABLE u3 () INHERITS (u1, u2);

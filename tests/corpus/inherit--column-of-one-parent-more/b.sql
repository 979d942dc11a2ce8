CREATE TABLE t1 (x integer, n text);
CREATE TABLE t2 (y integer, z text, n text);
CREATE TABLE t3 () INHERITS (t1, t2);
CREATE TABLE u1 (a integer, b text);
CREATE TABLE u2 (b text);
CREATE TABLE u3 () INHERITS (u1, u2);

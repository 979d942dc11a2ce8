CREATE TABLE t (v text);
CREATE TABLE child () INHERITS (t);

CREATE TABLE t (z integer);
CREATE TABLE n (x integer CONSTRAINT k CHECK (x > 0), y text);
CREATE TABLE h () INHERITS (t, n);
CREATE TABLE loses () INHERITS (t);
CREATE TABLE below () INHERITS (h);

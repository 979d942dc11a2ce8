CREATE TABLE t (z integer, x integer CONSTRAINT k CHECK (x > 0), y text);
CREATE TABLE n (x integer CONSTRAINT k CHECK (x > 0), y text);
CREATE TABLE h () INHERITS (t);
CREATE TABLE loses () INHERITS (t);
CREATE TABLE below () INHERITS (h);

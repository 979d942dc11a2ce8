CREATE TABLE base (x integer, y text);
CREATE TABLE one () INHERITS (base);
CREATE TABLE two () INHERITS (base);
CREATE TABLE apart ();
CREATE TABLE twice () INHERITS (base, one);

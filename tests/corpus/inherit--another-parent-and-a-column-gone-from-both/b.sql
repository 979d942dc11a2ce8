CREATE TABLE base (y text);
CREATE TABLE one () INHERITS (base);
CREATE TABLE two () INHERITS (one);
CREATE TABLE strict (y text NOT NULL);
CREATE TABLE apart () INHERITS (strict);
CREATE TABLE twice () INHERITS (one);

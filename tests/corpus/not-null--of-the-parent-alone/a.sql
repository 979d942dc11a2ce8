CREATE TABLE base (x bigint, y text, z integer);
CREATE TABLE heir (x bigint) INHERITS (base);
CREATE TABLE below (y text) INHERITS (heir);
CREATE TABLE many (y text);
CREATE TABLE keyed (PRIMARY KEY (y)) INHERITS (many);
CREATE TABLE apart (x bigint CONSTRAINT mine NOT NULL);
CREATE TABLE first (v integer NOT NULL);
CREATE TABLE called (v integer CONSTRAINT its NOT NULL) INHERITS (first);

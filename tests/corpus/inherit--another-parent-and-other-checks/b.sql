CREATE TABLE one (f integer NOT NULL, g integer, CONSTRAINT k CHECK (f > 0), CONSTRAINT same CHECK (g <> f));
CREATE TABLE two (f integer, g integer NOT NULL, CONSTRAINT k CHECK (f > g - 100), CONSTRAINT same CHECK (g <> f));
CREATE TABLE heir (own integer) INHERITS (two);
CREATE TABLE below () INHERITS (heir);

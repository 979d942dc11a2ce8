CREATE TABLE one (f integer, g integer, h integer GENERATED ALWAYS AS (f) STORED);
CREATE TABLE two (f integer, g integer, h integer GENERATED ALWAYS AS (g) STORED);
CREATE TABLE heir (own integer) INHERITS (two);

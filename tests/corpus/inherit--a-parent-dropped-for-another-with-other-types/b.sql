CREATE TABLE two (f bigint, n integer, CHECK (f < n));
CREATE TABLE heir (own integer CHECK (own > 0)) INHERITS (two);
CREATE INDEX ON heir (f);

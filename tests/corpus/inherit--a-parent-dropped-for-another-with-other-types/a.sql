CREATE TABLE one (f integer, n integer, CHECK (f < n));
CREATE TABLE heir (own integer CHECK (own > 0)) INHERITS (one);
CREATE INDEX ON heir (f);

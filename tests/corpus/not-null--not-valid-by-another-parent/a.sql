-- from PostgreSQL 18 on
CREATE TABLE base (x text);
CREATE TABLE one (n integer) INHERITS (base);
CREATE TABLE heir () INHERITS (one);
ALTER TABLE base ADD CONSTRAINT late NOT NULL x NOT VALID;

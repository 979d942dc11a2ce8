-- from PostgreSQL 18 on
CREATE TABLE base (x text);
CREATE TABLE other (n bigint) INHERITS (base);
CREATE TABLE heir () INHERITS (other);
ALTER TABLE base ADD CONSTRAINT late NOT NULL x NOT VALID;

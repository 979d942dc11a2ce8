-- from PostgreSQL 18 on
CREATE TABLE base (old integer);
CREATE TABLE heir () INHERITS (base);
CREATE TABLE below () INHERITS (heir);

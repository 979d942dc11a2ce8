-- from PostgreSQL 15 on
CREATE TABLE t (a integer CONSTRAINT u UNIQUE);

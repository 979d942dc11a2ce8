-- from PostgreSQL 18 on
CREATE TABLE o ();

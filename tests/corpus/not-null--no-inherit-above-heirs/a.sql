-- from PostgreSQL 18 on
CREATE TABLE a ();
CREATE TABLE b () INHERITS (a);

-- from PostgreSQL 18 on
CREATE TABLE o ();
CREATE TABLE p2 (a integer, b text) PARTITION BY LIST (a);

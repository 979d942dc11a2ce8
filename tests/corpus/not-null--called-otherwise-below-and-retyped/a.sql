-- from PostgreSQL 18 on
CREATE TABLE p (x int NOT NULL, y text);
CREATE TABLE c (x int NOT NULL) INHERITS (p);
CREATE TABLE d () INHERITS (c);
CREATE TABLE e () INHERITS (p);

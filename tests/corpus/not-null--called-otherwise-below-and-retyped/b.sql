-- from PostgreSQL 18 on
CREATE TABLE p (x numeric NOT NULL, y text);
CREATE TABLE c (x numeric NOT NULL) INHERITS (p);
CREATE TABLE d () INHERITS (c);
CREATE TABLE e () INHERITS (p);

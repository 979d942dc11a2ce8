CREATE TYPE rt AS (a integer, b text);
CREATE TYPE ru AS (a integer, b text);
CREATE TABLE t OF ru (a NOT NULL);

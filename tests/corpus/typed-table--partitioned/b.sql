CREATE TYPE rt AS (a integer, b text);
CREATE TABLE t OF rt PARTITION BY LIST (a);

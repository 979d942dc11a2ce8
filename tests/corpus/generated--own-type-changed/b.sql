CREATE TABLE t (a integer, c bigint GENERATED ALWAYS AS (a * 2) STORED);

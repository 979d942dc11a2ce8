CREATE TABLE t (a integer, b text, c integer GENERATED ALWAYS AS (a * 2) STORED, d text GENERATED ALWAYS AS (upper(b)) STORED NOT NULL);
CREATE INDEX t_c ON t (c);

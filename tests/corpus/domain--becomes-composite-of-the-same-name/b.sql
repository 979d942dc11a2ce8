CREATE TYPE size AS (h integer, w integer);

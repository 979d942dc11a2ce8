CREATE TYPE cx AS (a int, b int);

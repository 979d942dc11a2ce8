CREATE TYPE rt AS (a integer, b text);

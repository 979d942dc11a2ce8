CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE TYPE two.mood AS ENUM ('a', 'b');
CREATE TYPE one.pair AS (x bigint, y text, m two.mood);
CREATE TABLE one.t (p one.pair);

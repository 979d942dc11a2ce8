CREATE TYPE mood AS ENUM ('a', 'b');
CREATE TYPE pair AS (x int, y int);
CREATE TYPE span AS RANGE (subtype = int);
CREATE DOMAIN d AS int CONSTRAINT positive CHECK (VALUE > 0);
CREATE COLLATION c (locale = 'C');
COMMENT ON TYPE mood IS 'old';

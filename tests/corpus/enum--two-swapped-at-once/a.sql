CREATE TYPE one AS ENUM ('a', 'b');
CREATE TYPE two AS ENUM ('x', 'y');
CREATE TABLE task (one one, two two, CHECK (one <> 'a' OR two <> 'x'));
CREATE FUNCTION both_of(one, two) RETURNS text LANGUAGE sql AS 'SELECT $1::text || $2::text';

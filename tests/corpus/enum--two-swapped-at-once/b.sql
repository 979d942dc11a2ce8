CREATE TYPE one AS ENUM ('b', 'a');
CREATE TYPE two AS ENUM ('y');
CREATE TABLE task (one one, two two, CHECK (one <> 'a' OR two <> 'y'));
CREATE FUNCTION both_of(one, two) RETURNS text LANGUAGE sql AS 'SELECT $1::text || $2::text';

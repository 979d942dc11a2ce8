CREATE TYPE "Odd tone" AS ENUM ('low');
CREATE TABLE t (id int PRIMARY KEY);

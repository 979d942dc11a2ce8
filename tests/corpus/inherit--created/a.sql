CREATE TABLE a (id integer, x integer DEFAULT 5, CONSTRAINT ax CHECK (x > 0));

CREATE TYPE code AS ENUM ('x', 'y', 'z');
CREATE TABLE codes (code code PRIMARY KEY);
CREATE TABLE uses (id integer PRIMARY KEY, code code REFERENCES codes ON DELETE CASCADE);

CREATE TYPE state AS ENUM ('0', 'a', 'b', 'c', 'd', 'e', 'f', 'g');
CREATE TABLE task (id integer PRIMARY KEY, state state NOT NULL);
CREATE VIEW open AS SELECT id FROM task WHERE state = 'b';

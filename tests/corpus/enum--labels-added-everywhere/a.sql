CREATE TYPE state AS ENUM ('b', 'e');
CREATE TABLE task (id integer PRIMARY KEY, state state NOT NULL);
CREATE VIEW open AS SELECT id FROM task WHERE state = 'b';

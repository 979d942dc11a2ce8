CREATE TYPE state AS ENUM ('new', 'old', 'done');
CREATE TABLE task (id integer PRIMARY KEY, state state, was state NOT NULL, later state);

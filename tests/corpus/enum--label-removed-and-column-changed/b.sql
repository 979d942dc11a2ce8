CREATE TYPE state AS ENUM ('new', 'done');
CREATE TABLE task (id integer PRIMARY KEY, state state NOT NULL DEFAULT 'new', was state, later text, next state);

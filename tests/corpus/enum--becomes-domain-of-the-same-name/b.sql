CREATE DOMAIN state AS text CHECK (VALUE IN ('new', 'done'));
CREATE TABLE task (id integer PRIMARY KEY, state state NOT NULL DEFAULT 'new', all_of state[]);

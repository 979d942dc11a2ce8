CREATE TYPE state AS ENUM ('draft', 'new', 'done');
CREATE TABLE task (id integer PRIMARY KEY, state state NOT NULL DEFAULT 'draft', CHECK (id > 0 OR state = 'draft'));

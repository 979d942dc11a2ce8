CREATE TYPE state AS ENUM ('new', 'done', 'gone');
CREATE TABLE task (id integer PRIMARY KEY, state state NOT NULL);

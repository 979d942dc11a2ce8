CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE TYPE one.state AS ENUM ('new', 'done');
CREATE TABLE task (id integer PRIMARY KEY, state one.state NOT NULL DEFAULT 'new');

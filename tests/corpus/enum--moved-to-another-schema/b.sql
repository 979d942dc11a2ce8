CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE TYPE two.state AS ENUM ('new', 'done');
CREATE TABLE task (id integer PRIMARY KEY, state two.state NOT NULL DEFAULT 'new');

CREATE SCHEMA app;
CREATE TYPE app.state AS ENUM ('new', 'done');
CREATE TABLE app.task (id integer PRIMARY KEY, state app.state NOT NULL DEFAULT 'new');

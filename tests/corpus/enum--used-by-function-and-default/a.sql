CREATE TYPE state AS ENUM ('new', 'old', 'done');
CREATE FUNCTION first_state() RETURNS state LANGUAGE sql STABLE RETURN 'new'::state;
CREATE TABLE task (id integer PRIMARY KEY, state state DEFAULT first_state());
CREATE FUNCTION states() RETURNS SETOF state LANGUAGE sql BEGIN ATOMIC SELECT state FROM task; END;

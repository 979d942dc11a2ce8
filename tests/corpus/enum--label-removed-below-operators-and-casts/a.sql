CREATE TYPE state AS ENUM ('new', 'old', 'done');
CREATE FUNCTION near(a state, b state) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT a = b';
CREATE OPERATOR ~~~ (LEFTARG = state, RIGHTARG = state, FUNCTION = near);
CREATE FUNCTION rank(s state) RETURNS integer LANGUAGE sql IMMUTABLE AS $$SELECT CASE s WHEN 'new' THEN 1 ELSE 2 END$$;
CREATE CAST (state AS integer) WITH FUNCTION rank(state);
CREATE TABLE task (id integer PRIMARY KEY, state state, CHECK (state ~~~ state), n integer DEFAULT ('new'::state)::integer);
CREATE STATISTICS task_stats (ndistinct) ON id, (state::integer) FROM task;
CREATE TABLE log (id integer, state state);
CREATE RULE logged AS ON UPDATE TO task WHERE new.state = 'done' DO ALSO INSERT INTO log VALUES (new.id, new.state);

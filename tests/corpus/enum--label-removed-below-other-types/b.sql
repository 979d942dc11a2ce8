CREATE TYPE state AS ENUM ('done', 'new');
CREATE DOMAIN open_state AS state CHECK (VALUE <> 'done');
CREATE TYPE step AS (at timestamptz, state state, was state[]);
CREATE TYPE steps AS (first step, rest step[]);
CREATE TYPE states AS RANGE (SUBTYPE = state);
CREATE TABLE task (id integer PRIMARY KEY, open open_state, step step, all_steps step[], steps steps, span states, spans states_multirange);
COMMENT ON DOMAIN open_state IS 'not done';
COMMENT ON COLUMN step.state IS 'then';

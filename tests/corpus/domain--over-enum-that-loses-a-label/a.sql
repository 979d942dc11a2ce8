CREATE TYPE state AS ENUM ('new', 'old', 'done');
CREATE DOMAIN open_state AS state DEFAULT 'new' CHECK (VALUE <> 'done') NOT NULL;
CREATE TABLE task (state open_state, states open_state[]);

CREATE TYPE state AS ENUM ('new', 'done');
CREATE TYPE step AS (id integer, state state);
CREATE TABLE steps OF step;

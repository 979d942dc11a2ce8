CREATE TYPE state AS ENUM ('new', 'old', 'done');
CREATE TYPE step AS (id integer, state state);
CREATE TABLE steps OF step;

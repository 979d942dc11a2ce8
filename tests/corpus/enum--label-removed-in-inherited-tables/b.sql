CREATE TYPE state AS ENUM ('new', 'done');
CREATE TABLE thing (id integer NOT NULL, state state);
CREATE TABLE special (extra text) INHERITS (thing);

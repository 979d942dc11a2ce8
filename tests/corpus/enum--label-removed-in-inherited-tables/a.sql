CREATE TYPE state AS ENUM ('new', 'old', 'done');
CREATE TABLE thing (id integer NOT NULL, state state);
CREATE TABLE special (extra text) INHERITS (thing);

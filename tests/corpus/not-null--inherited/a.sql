CREATE TABLE a (id integer, v text);
CREATE TABLE c () INHERITS (a);

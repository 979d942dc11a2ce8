CREATE TABLE a (id bigint NOT NULL, x integer DEFAULT 3, n text);
CREATE TABLE c (z integer) INHERITS (a);
CREATE TABLE d () INHERITS (c);

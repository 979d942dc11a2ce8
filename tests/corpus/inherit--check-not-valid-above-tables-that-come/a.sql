CREATE TABLE top (id integer, note text);
CREATE TABLE there () INHERITS (top);
CREATE TABLE joins (id integer, note text);
ALTER TABLE top ADD CONSTRAINT k CHECK (id > 0) NOT VALID;

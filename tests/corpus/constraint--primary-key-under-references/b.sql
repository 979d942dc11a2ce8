CREATE TABLE p (id integer, CONSTRAINT p_new PRIMARY KEY (id) INCLUDE (v), v text);
CREATE TABLE c (p integer CONSTRAINT c_p REFERENCES p);

CREATE TABLE state (id integer);

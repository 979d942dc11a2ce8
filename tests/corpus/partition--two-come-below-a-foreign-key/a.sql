CREATE TABLE target (id integer PRIMARY KEY);
CREATE TABLE whole (id integer REFERENCES target, v text) PARTITION BY RANGE (id);

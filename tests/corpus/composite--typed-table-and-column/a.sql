CREATE TYPE person_type AS (id integer, name text);
CREATE TABLE person OF person_type (PRIMARY KEY (id));
CREATE TABLE people (id integer, person person_type);

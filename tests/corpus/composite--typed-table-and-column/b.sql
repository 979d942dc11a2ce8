CREATE TYPE person_type AS (id bigint, name text);
CREATE TABLE person OF person_type (PRIMARY KEY (id));
CREATE TABLE people (id integer, person person_type);

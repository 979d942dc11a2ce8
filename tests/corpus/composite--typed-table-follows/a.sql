CREATE TYPE person_type AS (id integer, name text, old text);
CREATE TABLE person OF person_type (PRIMARY KEY (id));

CREATE TYPE person_type AS (id bigint, name text, email text);
CREATE TABLE person OF person_type (PRIMARY KEY (id));
COMMENT ON COLUMN person.email IS 'new';

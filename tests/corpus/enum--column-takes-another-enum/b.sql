CREATE TYPE status AS ENUM ('new', 'done', 'gone');
CREATE TABLE task (id integer PRIMARY KEY, state status NOT NULL DEFAULT 'new');

CREATE TYPE size AS ENUM ('small', 'medium', 'large');
CREATE TABLE shirt (id integer PRIMARY KEY, size size NOT NULL DEFAULT 'small');
CREATE INDEX shirt_size ON shirt (size);

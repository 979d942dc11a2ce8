CREATE DOMAIN amount AS numeric(10, 2) DEFAULT 0;
CREATE TABLE bill (id integer PRIMARY KEY, amount amount);

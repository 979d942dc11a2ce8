CREATE DOMAIN amount AS numeric(10, 2);
CREATE TABLE bill (id integer PRIMARY KEY, amount amount);

INSERT INTO person VALUES ('x');

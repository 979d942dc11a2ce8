INSERT INTO person VALUES (1, ROW('x'));

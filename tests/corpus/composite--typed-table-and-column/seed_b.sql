INSERT INTO person VALUES (1, 'x');
INSERT INTO people VALUES (1, ROW(2, 'y'));

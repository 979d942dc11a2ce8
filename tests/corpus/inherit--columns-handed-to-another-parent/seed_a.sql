INSERT INTO c (x, y) VALUES (3, 'c'); INSERT INTO d (x, y) VALUES (4, 'd'); INSERT INTO h (x, y) VALUES (5, 'h');

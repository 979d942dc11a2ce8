INSERT INTO person VALUES (1, ROW('x y', 2), ARRAY[ROW('q"', 3)::address]), (2, NULL, NULL), (3, ROW(NULL, NULL), '{}');

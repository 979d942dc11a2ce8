INSERT INTO thing VALUES (1, ROW('x', true, 1)), (2, ROW(NULL, NULL, NULL));

INSERT INTO person VALUES (1, ROW('x', 2), ARRAY[ROW('x', 3)::address]);

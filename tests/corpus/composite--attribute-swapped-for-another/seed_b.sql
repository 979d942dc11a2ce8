INSERT INTO person VALUES (1, ROW('x', 'y'), ARRAY[ROW('x', 'z')::address]);

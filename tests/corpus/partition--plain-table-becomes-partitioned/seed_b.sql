INSERT INTO m (id, k, v) VALUES (1, 1, 'a'), (2, 2, 'b');

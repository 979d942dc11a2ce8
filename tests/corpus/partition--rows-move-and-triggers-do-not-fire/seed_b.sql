INSERT INTO l VALUES (1, 'a', 5), (2, 'b', 6), (3, 'c', 7), (4, 'z', 8);

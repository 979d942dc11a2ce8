INSERT INTO c (id, x, y, z) VALUES (1, 2, 'q', 3);

INSERT INTO c (id, x, z) VALUES (1, 2, 3);

INSERT INTO c (x, z, w) VALUES (5, 6, 7);

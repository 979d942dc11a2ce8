INSERT INTO h (x, y) VALUES (3, 'c'); INSERT INTO below (x, y) VALUES (4, 'd'); INSERT INTO loses (z) VALUES (5);

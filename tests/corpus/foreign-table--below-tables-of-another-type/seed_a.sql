INSERT INTO below (c, n, m, o) VALUES ('a', '1', 2, 3);

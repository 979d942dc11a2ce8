INSERT INTO r VALUES (1, 1, 1), (2, 150, 1), (12, 1, 1);

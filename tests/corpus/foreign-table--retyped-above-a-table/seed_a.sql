INSERT INTO near VALUES (1, 'low'); INSERT INTO near_too VALUES (2, 'high', 3);

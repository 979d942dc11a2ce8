INSERT INTO heir (f, g, own) VALUES (1, 2, 3);

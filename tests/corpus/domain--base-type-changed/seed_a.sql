INSERT INTO thing VALUES (1, NULL, '{1,2}'), (2, 1, NULL);

INSERT INTO o VALUES (1), (2), (3);
INSERT INTO m VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');
INSERT INTO c VALUES (1, 1);

INSERT INTO one VALUES (1, 'one');
INSERT INTO heir VALUES (2, 'heir', 'own');
INSERT INTO below VALUES (3, 'below', 'own');

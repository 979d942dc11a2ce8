INSERT INTO whole VALUES (1, 'one'), (2, 'two'), (5, 'five');

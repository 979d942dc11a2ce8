INSERT INTO whole VALUES (1, 'one'), (5, 'five');

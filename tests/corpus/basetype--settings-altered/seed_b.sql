INSERT INTO thing VALUES (1, 'x');

INSERT INTO orders VALUES (1, 'eu', 'x'), (2, 'as', 'y');

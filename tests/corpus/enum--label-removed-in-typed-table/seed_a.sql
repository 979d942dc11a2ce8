INSERT INTO steps VALUES (1, 'new'), (2, 'done');

INSERT INTO event VALUES (1, 'new'), (2, 'done');

INSERT INTO task VALUES (1, 'new'), (2, 'done');
INSERT INTO log VALUES (1, 'new');

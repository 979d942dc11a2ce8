INSERT INTO task VALUES (1, 'new', 'done', 'new', 'done');

INSERT INTO task VALUES (1, 'new');

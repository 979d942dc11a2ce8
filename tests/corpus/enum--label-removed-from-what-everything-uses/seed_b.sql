INSERT INTO task (id, state, was) VALUES (1, 'new', 'done'), (2, 'done', NULL);

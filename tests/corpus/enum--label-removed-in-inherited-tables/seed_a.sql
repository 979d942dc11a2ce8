INSERT INTO thing VALUES (1, 'new');
INSERT INTO special VALUES (2, 'done', 'x');

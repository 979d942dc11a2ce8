INSERT INTO big VALUES (1, 'one'), (2, NULL);
INSERT INTO dep VALUES (1, '(1,one)', '(2,)', '("(1,one)",3)', 1), (2, NULL, NULL, '(,)', 2);

INSERT INTO big VALUES (1, 'one'), (2, NULL);
INSERT INTO dep VALUES (1, '(1,one,2)', '(2,,4)', '("(1,one,2)",3)', 1), (2, NULL, NULL, '(,)', 2);

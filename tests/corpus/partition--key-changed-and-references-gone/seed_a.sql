INSERT INTO t VALUES (1), (2);
INSERT INTO m VALUES (1, 'one'), (2, 'two');

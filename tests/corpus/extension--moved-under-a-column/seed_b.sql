INSERT INTO t VALUES (1, 'A'), (2, 'B');

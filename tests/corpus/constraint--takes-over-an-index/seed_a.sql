INSERT INTO t SELECT i, 'x' || i, i, i, 'n' || i FROM generate_series(1, 20) AS i;
INSERT INTO o SELECT generate_series(1, 20);

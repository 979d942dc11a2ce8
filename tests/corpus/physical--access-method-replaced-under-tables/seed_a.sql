INSERT INTO t VALUES (1, 'x');
INSERT INTO w VALUES (1, 'x'), (2, 'y');

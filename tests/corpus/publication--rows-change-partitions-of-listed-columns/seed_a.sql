INSERT INTO p VALUES (1, 'one'), (20, 'rest');
INSERT INTO q VALUES (1, 'one'), (20, 'rest');
INSERT INTO m VALUES (1, 'one'), (4, 'four'), (8, 'eight');

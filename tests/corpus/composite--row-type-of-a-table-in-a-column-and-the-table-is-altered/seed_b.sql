INSERT INTO big VALUES (1, 'one'), (2, NULL);
INSERT INTO dep VALUES (1, '(1,one)', '{"(2,two)"}'), (2, NULL, NULL), (3, '(,)', '{}');

INSERT INTO one VALUES (1, 'one'), (2, NULL);
INSERT INTO two VALUES (1, 'one'), (2, NULL);
INSERT INTO dep VALUES (1, '(1,one,3)', '(1,)'), (2, NULL, '(2,two)');

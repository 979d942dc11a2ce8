INSERT INTO target VALUES (1), (20);
INSERT INTO whole VALUES (1, 'few'), (20, 'rest');

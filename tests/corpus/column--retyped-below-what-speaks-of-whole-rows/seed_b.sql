INSERT INTO big VALUES (1, 'one'), (2, NULL);

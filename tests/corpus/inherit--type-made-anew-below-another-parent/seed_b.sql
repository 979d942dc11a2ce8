INSERT INTO heir (p, own) VALUES ((1, 'a'), 2);

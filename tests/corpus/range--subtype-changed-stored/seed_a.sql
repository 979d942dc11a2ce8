INSERT INTO thing VALUES (1, '[1,3)', '{[1,3),[4,5)}', '{"[1,2)"}'), (2, NULL, NULL, NULL);

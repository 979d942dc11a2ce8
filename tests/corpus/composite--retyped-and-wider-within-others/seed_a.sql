INSERT INTO t VALUES
    (1, ARRAY[(1, 'a', 'g'), (2, 'b', NULL)]::pair[], (3, 'c"', 'g')::pair, ((4, 'd,', 'g')::pair, 5), (6, '', '')),
    (2, '{}', NULL, NULL, NULL);

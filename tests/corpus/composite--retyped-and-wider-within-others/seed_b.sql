INSERT INTO t VALUES
    (1, ARRAY[(1, 'a', '2024-01-01'), (2, 'b', NULL)]::pair[], (3, 'c"', NULL)::pair, ((4, 'd,', NULL)::pair, 5), (6, '', NULL)),
    (2, '{}', NULL, NULL, NULL);

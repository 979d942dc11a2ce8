INSERT INTO m (a, b) SELECT g, x FROM generate_series(-5, 130, 5) AS g, unnest(ARRAY['a', 'z', NULL]) AS x;
INSERT INTO n VALUES ('a'), ('A'), ('b'), ('C'), (NULL);

INSERT INTO thing VALUES ('b', 'a'), ('A', NULL);

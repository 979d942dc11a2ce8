INSERT INTO word VALUES ('b', 'a'), ('A', NULL);

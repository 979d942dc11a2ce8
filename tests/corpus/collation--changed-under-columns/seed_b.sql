INSERT INTO word VALUES ('b', 'a'), ('A', NULL);
INSERT INTO thing VALUES ('x', ROW('y'));

INSERT INTO word VALUES ('b'), ('A');

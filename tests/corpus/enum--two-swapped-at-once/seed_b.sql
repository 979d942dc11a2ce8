INSERT INTO task VALUES ('b', 'y');

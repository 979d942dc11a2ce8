INSERT INTO task VALUES ('new', '{new}');

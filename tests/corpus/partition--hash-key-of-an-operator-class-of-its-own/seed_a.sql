INSERT INTO h VALUES ('{}', 4), ('[]', 5), ('1', 6);

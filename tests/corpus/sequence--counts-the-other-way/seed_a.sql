SELECT nextval('s'), nextval('s'), nextval('fits');
INSERT INTO t DEFAULT VALUES;

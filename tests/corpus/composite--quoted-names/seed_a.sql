INSERT INTO "user" VALUES (ROW(1, 'x'));

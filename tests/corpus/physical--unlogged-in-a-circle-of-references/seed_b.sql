BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO a VALUES (1);
INSERT INTO b VALUES (1);
COMMIT;

CREATE TABLE t (id int, v text);
CREATE TABLE log (id int, v text);
CREATE RULE r AS ON UPDATE TO t DO ALSO (INSERT INTO log VALUES (NEW.id, 'b'); NOTIFY changed);

CREATE TABLE log (id int, v text);
CREATE TABLE t (id int, v text);
CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO log VALUES (NEW.id, NEW.v);

CREATE SEQUENCE "s s";
CREATE TABLE t (id integer DEFAULT nextval('"s s"'), n integer);
ALTER SEQUENCE "s s" OWNED BY t.id;

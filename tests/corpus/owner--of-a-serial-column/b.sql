CREATE TABLE t (id serial, more bigserial);
ALTER TABLE t OWNER TO corpus_bob;
CREATE SEQUENCE free;
CREATE TABLE a_late (id int);
ALTER TABLE a_late OWNER TO corpus_carol;
ALTER SEQUENCE free OWNER TO corpus_carol;
ALTER SEQUENCE free OWNED BY a_late.id;

CREATE TABLE t (id integer PRIMARY KEY, who integer, many integer[], at date, raw bytea);
CREATE TABLE u (t integer REFERENCES t (id));

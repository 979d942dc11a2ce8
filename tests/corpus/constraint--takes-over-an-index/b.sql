CREATE TABLE t (
    id integer PRIMARY KEY,
    "a ""b" text,
    n integer CONSTRAINT by_n UNIQUE NULLS NOT DISTINCT WITH (fillfactor = 70),
    w integer UNIQUE,
    note text UNIQUE,
    UNIQUE ("a ""b") INCLUDE (n, w) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT pairs UNIQUE (w, id)
);
CREATE SEQUENCE taken;
CREATE TABLE o (id integer UNIQUE REFERENCES t (id));

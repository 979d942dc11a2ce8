CREATE TYPE e AS ENUM ('b','a');
CREATE TABLE "P" ("x y" text NOT NULL, a e, k bigint CHECK (k > 0));
CREATE TABLE q (z text DEFAULT 'q', "x y" text DEFAULT 'd', a e, b varchar CHECK (b <> ''));
CREATE TABLE r ("x y" text, n bigint) ;
CREATE TABLE m () INHERITS (q, r);
CREATE TABLE c ("x y" text, own integer) INHERITS ("P", m);
CREATE INDEX ON c ("x y");
CREATE VIEW v AS SELECT "x y" FROM r;

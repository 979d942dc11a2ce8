CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE left_out (id int PRIMARY KEY);
CREATE SCHEMA "s 1";
CREATE TABLE "s 1"."we ""ird" (id int PRIMARY KEY);
CREATE PUBLICATION p FOR TABLE t, "s 1"."we ""ird";

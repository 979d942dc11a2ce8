CREATE TABLE t (id int, b box);
CREATE ACCESS METHOD gist2 TYPE INDEX HANDLER gisthandler;
COMMENT ON ACCESS METHOD gist2 IS 'like the other';
CREATE OPERATOR CLASS boxes DEFAULT FOR TYPE box USING gist2 AS
    OPERATOR 1 << , FUNCTION 1 gist_box_consistent(internal, box, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
    FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
    FUNCTION 7 gist_box_same(box, box, internal);
CREATE INDEX i ON t USING gist2 (b);

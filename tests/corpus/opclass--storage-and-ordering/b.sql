CREATE OPERATOR CLASS pts FOR TYPE point USING gist AS
    OPERATOR 1 << , OPERATOR 15 <-> FOR ORDER BY float_ops,
    FUNCTION 1 gist_point_consistent(internal, point, int2, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
    FUNCTION 3 gist_point_compress(internal), FUNCTION 5 gist_box_penalty(internal, internal, internal),
    FUNCTION 6 gist_box_picksplit(internal, internal), FUNCTION 7 gist_box_same(box, box, internal),
    FUNCTION 8 gist_point_distance(internal, point, int2, oid, internal),
    STORAGE box;

INSERT INTO h VALUES ('7', 'x'), ('8', 'y');
INSERT INTO i VALUES ('7', 'x'), ('8', 'y');
INSERT INTO t VALUES ('7');
INSERT INTO g SELECT (CURRENT_USER || '=' || l || '/' || CURRENT_USER)::aclitem, l FROM unnest('{r,w,a,d,D,x,t,X,U,C,c,T}'::text[]) AS l;

INSERT INTO c("x y",a,k) VALUES ('1','a',1); INSERT INTO r VALUES ('k',2); INSERT INTO m("x y",a) VALUES ('k','b');

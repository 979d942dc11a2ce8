INSERT INTO t VALUES ('x', 1.5, 'a', now(), '{1}');

CREATE TABLE t (a integer);
CREATE VIEW v WITH (check_option = cascaded, security_barrier = false) AS SELECT a FROM t WHERE a > 1;

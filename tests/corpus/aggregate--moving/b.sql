CREATE AGGREGATE total(int) (
    SFUNC = int84pl, STYPE = bigint, MSFUNC = int84pl, MINVFUNC = int84mi, MSTYPE = bigint,
    MSSPACE = 32, INITCOND = '0', MINITCOND = '0'
);

CREATE OPERATOR FAMILY loose USING btree;
ALTER OPERATOR FAMILY loose USING btree ADD OPERATOR 1 < (int4, int8), OPERATOR 5 > (int4, int8), FUNCTION 1 (int8, int4) btint84cmp(int8, int4);

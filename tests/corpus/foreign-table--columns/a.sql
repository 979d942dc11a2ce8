CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (id int OPTIONS (column_name 'x', "Odd ""n" 'y'), b text, gone int, "we ""ird" int) SERVER s;

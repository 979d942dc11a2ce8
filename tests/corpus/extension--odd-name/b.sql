CREATE EXTENSION dict_int;
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = intdict_template, maxlen = 4);

CREATE SUBSCRIPTION s CONNECTION 'host=elsewhere.invalid dbname=''it\''s''' PUBLICATION q, r WITH (connect = false, slot_name = NONE);

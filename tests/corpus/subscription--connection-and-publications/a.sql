CREATE SUBSCRIPTION s CONNECTION 'host=nowhere.invalid dbname=a' PUBLICATION p, q WITH (connect = false, slot_name = NONE);

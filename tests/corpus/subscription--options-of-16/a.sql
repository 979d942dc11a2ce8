-- from PostgreSQL 16 on
CREATE SUBSCRIPTION s CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false, slot_name = NONE, origin = none, disable_on_error = true);

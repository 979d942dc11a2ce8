CREATE SUBSCRIPTION s CONNECTION 'host=nowhere.invalid dbname=x' PUBLICATION p WITH (connect = false, slot_name = NONE);
COMMENT ON SUBSCRIPTION s IS 's';
CREATE SUBSCRIPTION "we ""ird" CONNECTION 'host=nowhere.invalid' PUBLICATION b, "A ""x" WITH (connect = false, slot_name = NONE, binary = true, streaming = on, synchronous_commit = local);

CREATE SUBSCRIPTION s CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false, slot_name = NONE, binary = true, synchronous_commit = remote_apply, streaming = off);

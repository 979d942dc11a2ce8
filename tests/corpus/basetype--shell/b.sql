CREATE SCHEMA app;
CREATE TYPE app."sel""ect";

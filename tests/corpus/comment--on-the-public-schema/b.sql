COMMENT ON SCHEMA public IS 'theirs';

CREATE SCHEMA messaging AUTHORIZATION app_owner;

GRANT USAGE ON SCHEMA messaging TO app_user;

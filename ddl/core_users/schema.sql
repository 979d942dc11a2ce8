CREATE SCHEMA core_users AUTHORIZATION app_owner;

GRANT USAGE ON SCHEMA core_users TO app_user;

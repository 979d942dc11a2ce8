CREATE SCHEMA core_catalogs AUTHORIZATION app_owner;

GRANT USAGE ON SCHEMA core_catalogs TO app_user;

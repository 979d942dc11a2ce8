CREATE SCHEMA core_tenants AUTHORIZATION app_owner;

GRANT USAGE ON SCHEMA core_tenants TO app_user;

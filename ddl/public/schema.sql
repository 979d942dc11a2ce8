-- Schema public is there already. Its trigger function belongs to app_owner, and to own something
-- in a schema a role must be allowed to make it there.
GRANT CREATE ON SCHEMA public TO app_owner;

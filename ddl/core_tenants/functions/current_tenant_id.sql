-- The tenant that the session works for: what it set app.tenant_id to, NULL where it set nothing.
-- Every policy asks this, inside a SELECT, so that it is computed once for a query. SET LOCAL
-- leaves an empty text behind when its transaction ends, which is nothing too.
CREATE OR REPLACE FUNCTION core_tenants.current_tenant_id()
RETURNS UUID
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NULLIF(current_setting('app.tenant_id', true), '')::UUID;
$$;

ALTER FUNCTION core_tenants.current_tenant_id() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION core_tenants.current_tenant_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_tenants.current_tenant_id() TO app_user;
